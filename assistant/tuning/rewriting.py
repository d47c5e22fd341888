"""Follow-up questions with what they mean -> conversations that teach to make a question stand alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from assistant.chat_model import Message
from assistant.jsonl import read_rows
from assistant.prompts import TUNED, rewrite_request
from assistant.tuning.answering import Conversations

_TOGETHER = 8


class FollowUp(BaseModel, frozen=True):
    """A question, those that came before it, oldest first, and the same question put so that it stands alone."""

    earlier: tuple[str, ...]
    question: str
    standalone: str
    split: Literal["train", "dev", "test"]


def load_follow_ups(path: Path, split: str) -> list[FollowUp]:
    """Read a JSONL file. Raises DatasetError naming the line that is wrong."""
    return [f for f in read_rows(path, FollowUp) if f.split == split]


def rewrite_examples(follow_ups: Sequence[FollowUp]) -> list[Conversations]:
    """One conversation a follow-up, a few at a time."""
    conversations = [
        (
            Message("system", TUNED.rewrite),
            Message("user", rewrite_request(f.question, f.earlier)),
            Message("assistant", f.standalone),
        )
        for f in follow_ups
    ]
    return [tuple(conversations[i : i + _TOGETHER]) for i in range(0, len(conversations), _TOGETHER)]
