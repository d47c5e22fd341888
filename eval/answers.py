"""Asks every question and looks at what comes back: is it declined when it should be, and does every citation hold?"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.answering import Answerer
from assistant.answers import Answer
from assistant.questions import Question
from assistant.statistics import Estimate, estimate
from eval.text import token_f1
from index.generation import Generation

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class AnswerScores:
    """Shares with intervals; `token_f1` is over answerable questions, an abstention scoring 0.

    `broken_citations` counts citations whose passage was not given to the model or is not in the generation, or
    whose quote is not in the passage; `added_seconds` is the median time beyond embedding and model.
    """

    declined: Estimate | None
    answered: Estimate | None
    token_f1: Estimate | None
    quoted: Estimate
    citations: int
    broken_citations: int
    added_seconds: float
    total_seconds: float


async def ask_all(
    answerer: Answerer, questions: Sequence[Question], advance: Callable[[], None] = lambda: None
) -> list[Answer]:
    """The answers, in the order of the questions; a few are asked at once, as agents would."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(question: Question) -> Answer:
        async with places:
            answer = await answerer.answer(question.question)
            advance()
            return answer

    return list(await asyncio.gather(*(one(q) for q in questions)))


def score_answers(questions: Sequence[Question], answers: Sequence[Answer], generation: Generation) -> AnswerScores:
    """Compare answers with what is known of their questions."""
    pairs = list(zip(questions, answers, strict=True))
    citations = [(a, c) for a in answers for c in a.citations]
    return AnswerScores(
        declined=_share([float(a.abstained) for q, a in pairs if not q.answerable]),
        answered=_share([float(not a.abstained) for q, a in pairs if q.answerable]),
        token_f1=_share([0.0 if a.abstained else token_f1(_said(a), q.reference) for q, a in pairs if q.answerable]),
        quoted=estimate([float(a.quoted) for a in answers]),
        citations=len(citations),
        broken_citations=sum(
            c.passage not in a.given
            or generation.passage(c.passage.id) != c.passage
            or not _is_from(c.quote, c.passage.text)
            for a, c in citations
        ),
        added_seconds=statistics.median(a.timings.added for a in answers),
        total_seconds=statistics.median(a.timings.total for a in answers),
    )


def _said(answer: Answer) -> str:
    return " ".join(s.text for s in answer.sentences)


def _share(samples: Sequence[float]) -> Estimate | None:
    return estimate(samples) if samples else None


def _is_from(quote: str, passage: str) -> bool:
    """Whether every word of a quote stands in its passage; a table row is quoted with its column names."""
    words = set(quote.replace(":", " ").replace(";", " ").replace(".", " ").split())
    return words <= set(
        passage.replace("|", " ").replace(":", " ").replace(";", " ").replace(".", " ").replace("*", "").split()
    )
