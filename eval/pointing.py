"""Fits how a tuned model's choice of lines is weighed with their cosines, on questions with known answers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.answering import prompt_over
from assistant.chat_model import ChatModel
from assistant.pointing import MODEL_FILE, Scored, Weighing, pick, point, score_lines
from assistant.prompts import PROMPTS
from assistant.questions import Question
from assistant.settings import AnswerSettings
from assistant.statistics import Estimate, estimate
from eval.errors import EvaluationError
from eval.text import token_f1
from index.retrieval import Retriever

_AT_ONCE = 4
_COSINES = (0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 32.0)
_NEARS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a model said of the lines that it was shown for an answerable question."""

    question: Question
    scored: tuple[Scored, ...]


async def ask_for_lines(
    retriever: Retriever,
    model: ChatModel,
    questions: Sequence[Question],
    settings: AnswerSettings,
    advance: Callable[[], None] = lambda: None,
) -> list[Choice]:
    """Ask a tuned model as the assistant would. Raises EvaluationError for a model that is not asked to point."""
    prompts = PROMPTS[model.asking.prompts]
    if not prompts.pointing:
        raise EvaluationError(f"{model.name} is not tuned to point to lines; serve a tuned version")
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(question: Question) -> Choice:
        async with places:
            found = await asyncio.to_thread(
                retriever.search, question.question, settings.passages, settings.prompt_passages
            )
            messages, given = prompt_over(model, prompts, question.question, found, settings)
            pointers = await point(model, messages, len(given))
            scored = await score_lines(model, messages, pointers, given, found.lines)
            advance()
            return Choice(question, tuple(scored))

    return list(await asyncio.gather(*(one(q) for q in questions if q.answerable)))


def fit(choices: Sequence[Choice], note: str) -> Weighing:
    """The weighing with the best mean token F1; of equally good ones the smallest."""
    candidates = [Weighing(cosine=c, near=n, fitted_on=note) for c, n in itertools.product(_COSINES, _NEARS)]
    return max(candidates, key=lambda w: sum(_f1s(choices, w)))


def score(choices: Sequence[Choice], weighing: Weighing) -> Estimate:
    """Token F1 of the picked lines against the references, were every question answered."""
    return estimate(_f1s(choices, weighing))


def save(weighing: Weighing, path: Path = MODEL_FILE) -> None:
    """Write the weighing where the assistant reads it."""
    path.write_text(weighing.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _f1s(choices: Sequence[Choice], weighing: Weighing) -> list[float]:
    said = (" ".join(s.line.text for s in pick(c.scored, weighing)) for c in choices)
    return [token_f1(text, c.question.reference) for text, c in zip(said, choices, strict=True)]
