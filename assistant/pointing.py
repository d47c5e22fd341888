"""How a tuned model answers: it points to a passage, then to lines of it, by constrained choice.

What it says is a document's own words by construction. Each choice comes with the model's probability, so that its
opinion can be weighed with the retriever's: the cosine of a line to the question. What a cosine is worth is fitted by
`switchboard eval pointing` on questions with known answers and kept in `pointing.json` beside this module.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from assistant.chat_model import ChatModel, Message, common_start
from assistant.errors import AssistantError
from assistant.prompts import OPENING
from index.passages import Passage
from index.retrieval import Line

MODEL_FILE = Path(__file__).with_name("pointing.json")
_PASSAGES = 2  # that are read for lines: the ones the model points to most
_LEAST = 0.1  # of the likeliest passage's probability; one below it is not read
_MOST = 2  # lines that are said
_FLOOR = 1e-4  # probability


class Weighing(BaseModel, frozen=True):
    """What a line's `cosine` of 1 is worth beside the model's probability, and how `near` to the best line another one
    of its passage must come to be said with it; both in nats."""

    cosine: float
    near: float
    fitted_on: str

    def score(self, probability: float, cosine: float) -> float:
        """How much speaks for a line, in nats."""
        return math.log(max(probability, _FLOOR)) + self.cosine * cosine


def load(path: Path = MODEL_FILE) -> Weighing:
    """Read what was fitted. Raises AssistantError when the file is missing or damaged."""
    try:
        return Weighing.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as exc:
        raise AssistantError(f"{path} cannot be read; run: switchboard eval pointing --fit") from exc


@dataclass(frozen=True, slots=True)
class Scored:
    """A line that may answer, the number of its passage, and the model's probability of both together."""

    line: Line
    number: int
    probability: float


async def point(model: ChatModel, messages: Sequence[Message], passages: int) -> tuple[float, ...]:
    """The model's probabilities that no passage answers, that the first does, the second, and so on."""
    return await model.choose([*messages, Message("assistant", OPENING)], [str(n) for n in range(passages + 1)])


async def score_lines(
    model: ChatModel,
    messages: Sequence[Message],
    pointers: Sequence[float],
    given: Sequence[Passage],
    lines: Sequence[Line],
) -> list[Scored]:
    """The lines of the passages that the model points to, likeliest first. `messages` end with the question."""
    own = pointers[1:]
    likely = sorted(range(len(given)), key=lambda i: -own[i])[:_PASSAGES]
    likely = [i for i in likely if own[i] >= _LEAST * own[likely[0]]]
    of = [[li for li in lines if li.passage == given[i]] for i in likely]
    shares = await asyncio.gather(
        *(
            _shares(model, messages, i + 1, [li.text for li in own_lines])
            for i, own_lines in zip(likely, of, strict=True)
        )
    )
    total = sum(own) or 1.0
    found = [
        Scored(line, i + 1, own[i] / total * share)
        for i, own_lines, own_shares in zip(likely, of, shares, strict=True)
        for line, share in zip(own_lines, own_shares, strict=True)
    ]
    return sorted(found, key=lambda s: -s.probability)


def pick(scored: Sequence[Scored], weighing: Weighing) -> list[Scored]:
    """The best line and those of its passage that are nearly as good, in their passage's order."""
    if not scored:
        return []

    def score(row: Scored) -> float:
        return weighing.score(row.probability, row.line.cosine)

    best = max(scored, key=score)
    near = [s for s in scored if s.number == best.number and score(s) >= score(best) - weighing.near]
    said = sorted(near, key=score, reverse=True)[:_MOST]
    return sorted(said, key=lambda s: best.line.passage.text.find(s.line.text))


async def _shares(model: ChatModel, messages: Sequence[Message], number: int, lines: Sequence[str]) -> list[float]:
    """The model's probability of each line, once it has named their passage."""
    starts = beginnings(lines)
    chosen = list(dict.fromkeys(start for start in starts if start))
    if len(chosen) < 2:
        return [1.0 if start else 0.0 for start in starts]
    shares = await model.choose([*messages, Message("assistant", f"{OPENING}{number}]")], chosen)
    by_start = dict(zip(chosen, shares, strict=True))
    return [by_start.get(start, 0.0) for start in starts]


def beginnings(lines: Sequence[str]) -> list[str]:
    """As much of each line, up to the end of a word, as tells it from the others, after a space; empty for a line that
    is the beginning of another."""
    distinct = set(lines)
    found: list[str] = []
    for line in lines:
        others = [o for o in distinct if o != line]
        if any(o.startswith(line) for o in others):
            found.append("")
            continue
        shared = max((len(common_start([line, o])) for o in others), default=0)
        end = line.find(" ", shared + 1)
        found.append(" " + (line if end < 0 else line[:end]))
    return found
