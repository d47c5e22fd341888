"""An embedder that costs nothing, for what is measured without regard to meaning."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from index.embedding import Advance, Vectors
from index.terms import terms

_DIMENSION = 64


class HashedWords:
    """A vector that depends on the words alone, in a microsecond."""

    name = "hashed-words"
    fingerprint = "hashed-words-1"
    max_tokens = 256

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed(self, texts: Sequence[str], advance: Advance = lambda _: None) -> Vectors:
        vectors = np.full((len(texts), _DIMENSION), 1e-3, np.float32)
        for row, text in enumerate(texts):
            for term in terms(text):
                vectors[row, zlib.crc32(term.encode()) % _DIMENSION] += 1
        advance(len(texts))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors
