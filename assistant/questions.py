"""Questions with known answers: what the model is tuned on (train), choices are made by (dev) and all is measured on (test)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from assistant.jsonl import read_rows
from index.passages import Hit, Passage

Split = Literal["train", "dev", "test"]


class Gold(BaseModel, frozen=True):
    """Where an answer stands: a document, and the innermost heading of the section in it."""

    document: str
    heading: str

    def matches(self, passage: Passage) -> bool:
        return passage.document == self.document and self.heading in (passage.title, *passage.heading)


class Question(BaseModel, frozen=True):
    """A question with its reference answer; `needs` says whether one gold section is enough or all are wanted.

    An unanswerable question has no gold; `near` is the section that comes nearest to it. `lines` are the lines of the
    gold section that answer, word for word, where they are known.
    """

    id: str
    question: str
    answerable: bool
    gold: tuple[Gold, ...]
    reference: str
    style: str
    split: Split
    needs: Literal["any", "all"] = "any"
    near: Gold | None = None
    lines: tuple[str, ...] = ()

    def rank(self, hits: Sequence[Hit]) -> int | None:
        """The 1-based rank at which enough gold passages have been found, None when they are not all there."""
        ranks = [
            next((i for i, hit in enumerate(hits, start=1) if gold.matches(hit.passage)), None) for gold in self.gold
        ]
        found = [r for r in ranks if r is not None]
        if not found or (self.needs == "all" and len(found) < len(ranks)):
            return None
        return max(found) if self.needs == "all" else min(found)


QUESTIONS = "questions.jsonl"
CONTRASTS = (
    "contrasts.jsonl"  # pairs that differ in one detail, one answered and one not: to learn from, not to measure on
)


def load_questions(folder: Path, split: Split | None = None, name: str = QUESTIONS) -> list[Question]:
    """Read a file of questions in a folder. Raises DatasetError naming the line that is wrong."""
    return [q for q in read_rows(folder / name, Question) if split is None or q.split == split]


def spread(questions: Sequence[Question], limit: int) -> list[Question]:
    """At most `limit` questions, evenly spaced, so that every part of the documents is asked about."""
    if limit >= len(questions):
        return list(questions)
    return [questions[i * len(questions) // limit] for i in range(limit)]
