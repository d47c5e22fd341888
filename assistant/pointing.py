"""How a tuned model answers: it points to a passage, then to lines of it, by constrained choice.

What it says is a document's own words by construction. Each choice comes with the model's probability, so that its
opinion can be weighed with the retriever's: the cosine of a line to the question.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from assistant.chat_model import ChatModel, Message, common_start
from assistant.prompts import OPENING
from index.passages import Passage
from index.retrieval import Line

# these were chosen on the sample operator's dev questions
_PASSAGES = 2  # that are read for lines: the ones the model points to most
_LEAST = 0.1  # of the likeliest passage's probability; one below it is not read
_COSINE = 16.0  # nats that a line's cosine of 1 is worth
_NEAR = 1.0  # nats below the best: lines of its passage this near are said too
_MOST = 2
_FLOOR = 1e-4  # probability


@dataclass(frozen=True, slots=True)
class Scored:
    """A line that may answer, the model's probability of it (passage and line together), and its score in nats."""

    line: Line
    number: int
    probability: float
    score: float


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
    """The lines of the passages that the model points to, best first. `messages` end with the question."""
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
        _scored(line, i + 1, own[i] / total * share)
        for i, own_lines, own_shares in zip(likely, of, shares, strict=True)
        for line, share in zip(own_lines, own_shares, strict=True)
    ]
    return sorted(found, key=lambda s: -s.score)


def pick(scored: Sequence[Scored]) -> list[Scored]:
    """The best line and those of its passage that are nearly as good, in their passage's order."""
    if not scored:
        return []
    best = scored[0]
    near = [s for s in scored if s.number == best.number and s.score >= best.score - _NEAR][:_MOST]
    return sorted(near, key=lambda s: best.line.passage.text.find(s.line.text))


def _scored(line: Line, number: int, probability: float) -> Scored:
    return Scored(line, number, probability, math.log(max(probability, _FLOOR)) + _COSINE * line.cosine)


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
