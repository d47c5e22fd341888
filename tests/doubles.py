"""Small real classes that stand where a model would, and behave in a way that can be computed by hand."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence

import numpy as np

from assistant.asking import UNTUNED, Asking
from assistant.chat_model import Message
from assistant.errors import ModelUnavailable
from index.embedding import Advance, Vectors
from index.terms import terms

DIMENSION = 512
Chooses = Callable[[Sequence[Message], Sequence[str]], Sequence[float]]


class WordHashEmbedder:
    """One dimension a word: two texts with n and m words, k of them shared, have the cosine k / sqrt(n * m)."""

    def __init__(self, name: str = "word-hash", max_tokens: int = 256) -> None:
        self.name = name
        self.max_tokens = max_tokens
        self.embedded: list[str] = []

    @property
    def fingerprint(self) -> str:
        return f"fingerprint-of-{self.name}"

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed(self, texts: Sequence[str], advance: Advance = lambda _: None) -> Vectors:
        self.embedded += texts
        vectors = np.zeros((len(texts), DIMENSION), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in set(terms(text)):
                vectors[row, int(hashlib.sha256(word.encode()).hexdigest(), 16) % DIMENSION] = 1
            advance(1)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


class ScriptedChatModel:
    """Says what it is told to say, in pieces of a few characters; remembers what it was asked.

    A reply that is an exception is raised after half a sentence. Without `chooses`, all choices are equally likely.
    """

    def __init__(
        self,
        *replies: str | Exception,
        context_tokens: int = 4096,
        asking: Asking = UNTUNED,
        chooses: Chooses = lambda _, choices: [1 / len(choices)] * len(choices),
    ) -> None:
        self.name = "scripted"
        self.asking = asking
        self._chooses = chooses
        self.context_tokens = context_tokens
        self.asked: list[Sequence[Message]] = []
        self._replies = list(replies)

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + len(text) // 40

    async def choose(self, messages: Sequence[Message], choices: Sequence[str]) -> tuple[float, ...]:
        self.asked.append(messages)
        await asyncio.sleep(0)
        return tuple(self._chooses(messages, choices))

    async def stream(
        self, messages: Sequence[Message], max_tokens: int, stop: Sequence[str] = ()
    ) -> AsyncGenerator[str, None]:
        del max_tokens, stop
        self.asked.append(messages)
        if not self._replies:
            raise ModelUnavailable("the script is at its end")
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            yield "A half sen"
            raise reply
        for start in range(0, len(reply), 7):
            yield reply[start : start + 7]
