"""A query -> the passages that answer it best: vectors and words, blended."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from index.embedding import Embedder, Vectors
from index.errors import EmbedderMismatch
from index.generation import Generation
from index.library import KnowledgeBase
from index.passages import Hit
from index.words import Scores

_POOL = 100  # candidates from each side
_DENSE = 0.6  # chosen on the sample operator's train and dev questions; 0.5 to 0.7 differ by less than their intervals


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Hits, best first, from one generation; times in seconds."""

    hits: tuple[Hit, ...]
    generation: Generation
    embed_seconds: float
    search_seconds: float


class Retriever:
    """Searches whatever generation is current at the moment of asking."""

    def __init__(self, knowledge_base: KnowledgeBase, embedder: Embedder) -> None:
        self._knowledge_base = knowledge_base
        self._embedder = embedder

    def generation(self) -> Generation:
        """The generation that the next search will use. Raises EmbedderMismatch, NoGeneration, DamagedGeneration."""
        generation = self._knowledge_base.current()
        if generation.manifest.embedder_fingerprint != self._embedder.fingerprint:
            raise EmbedderMismatch(
                f"the knowledge base was made with the embedder {generation.manifest.embedder}, "
                f"but {self._embedder.name} is configured; run: switchboard kb refresh, or set models.embedder back"
            )
        return generation

    def search(self, query: str, k: int) -> Retrieval:
        """The `k` best passages for the query."""
        generation = self.generation()
        started = time.perf_counter()
        vector = self._embedder.embed([query])[0]
        embedded = time.perf_counter()
        hits = _blend(generation, vector, generation.words.scores(query), k)
        return Retrieval(hits, generation, embedded - started, time.perf_counter() - embedded)


def _blend(generation: Generation, vector: Vectors, words: Scores, k: int) -> tuple[Hit, ...]:
    """Min-max scaled cosine and BM25 scores of the candidates of either side, weighted and added."""
    pool = max(_POOL, k)
    dense = dict(generation.index.search(vector, pool))
    by_words = np.argsort(-words, kind="stable")[:pool]
    rest = [int(row) for row in by_words if words[row] > 0 and int(row) not in dense]
    cosines = generation.index.cosines(vector, rest)
    rows = np.asarray([*dense, *rest], dtype=np.int64)
    if rows.size == 0:
        return ()
    cosine = np.asarray([*dense.values(), *cosines], dtype=np.float32)
    blend = _DENSE * _scaled(cosine) + (1 - _DENSE) * _scaled(words[rows])
    best = np.argsort(-blend, kind="stable")[:k]
    return tuple(Hit(generation.passages[rows[i]], float(blend[i]), float(cosine[i])) for i in best)


def _scaled(scores: Scores) -> Scores:
    low, high = scores.min(), scores.max()
    scaled: Scores = (scores - low) / (high - low) if high > low else np.zeros_like(scores)
    return scaled
