"""A query -> the passages that answer it best: vectors and words, blended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.embedding import Embedder, Vectors
from index.errors import EmbedderMismatch
from index.generation import Generation
from index.library import KnowledgeBase
from index.passages import Hit, Passage
from index.quotables import quotables
from index.vectors import VectorIndex
from index.words import Scores, best_rows

_POOL = 100  # candidates from each side
_LINES_KEPT = 20_000  # vectors of lines that are asked for again and again; 30 MB at 384 dimensions
_DENSE = 0.6  # chosen on the sample operator's train and dev questions; 0.5 to 0.7 differ by less than their intervals


@dataclass(frozen=True, slots=True)
class Line:
    """One quotable line of a passage, with its cosine to the query."""

    passage: Passage
    text: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of an index found for a query: `score` ranks it, from 0 to 1; `cosine` can be compared between queries."""

    row: int
    score: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Hits and the lines of the first few of them, each best first, from one generation; times in seconds."""

    hits: tuple[Hit, ...]
    lines: tuple[Line, ...]
    generation: Generation
    embed_seconds: float
    search_seconds: float


class Retriever:
    """Searches whatever generation is current at the moment of asking."""

    def __init__(self, knowledge_base: KnowledgeBase, embedder: Embedder) -> None:
        self._knowledge_base = knowledge_base
        self._embedder = embedder
        self._line_vectors: dict[str, Vectors] = {}

    def generation(self) -> Generation:
        """The generation that the next search will use. Raises EmbedderMismatch, NoGeneration, DamagedGeneration."""
        generation = self._knowledge_base.current()
        if generation.manifest.embedder_fingerprint != self._embedder.fingerprint:
            raise EmbedderMismatch(
                f"the knowledge base was made with the embedder {generation.manifest.embedder}, "
                f"but {self._embedder.name} is configured; run: switchboard kb refresh, or set models.embedder back"
            )
        return generation

    def search(self, query: str, k: int, read_lines_of: int = 0) -> Retrieval:
        """The `k` best passages for the query, and the lines of the first `read_lines_of` of them."""
        generation = self.generation()
        started = time.perf_counter()
        vector = self._embedder.embed([query])[0]
        embedded = time.perf_counter()
        found = blend(generation.index, vector, generation.words.scores(query), k)
        hits = tuple(Hit(generation.passages[c.row], c.score, c.cosine) for c in found)
        searched = time.perf_counter()
        lines = self._lines(vector, hits[:read_lines_of])
        embedding = embedded - started + time.perf_counter() - searched
        return Retrieval(hits, lines, generation, embedding, searched - embedded)

    def _lines(self, vector: Vectors, hits: Sequence[Hit]) -> tuple[Line, ...]:
        found = [(h.passage, q.text, in_place(h.passage, q.text)) for h in hits for q in quotables(h.passage.text)]
        known = self._line_vectors
        new = list(dict.fromkeys(text for *_, text in found if text not in known))
        if len(known) + len(new) > _LINES_KEPT:
            known = self._line_vectors = {}
            new = list(dict.fromkeys(text for *_, text in found))
        # neither dict is ever changed while it is read: concurrent searches at worst embed a line twice
        known = self._line_vectors = (
            {**known, **dict(zip(new, self._embedder.embed(new), strict=True))} if new else known
        )
        lines = (Line(passage, text, float(known[whole] @ vector)) for passage, text, whole in found)
        return tuple(sorted(lines, key=lambda line: -line.cosine))


def in_place(passage: Passage, line: str) -> str:
    """A line as it is embedded: its title and headings carry words that it leaves out, as a passage's do."""
    return replace(passage, text=line).indexed_text


def blend(index: VectorIndex, vector: Vectors, words: Scores, k: int) -> list[Candidate]:
    """The `k` best rows by min-max scaled cosine and BM25 score, weighted and added; best first.

    `vector` is the query's, shape (dimension,); `words` are its BM25 scores, shape (n,). The candidates are the best
    100 of either side, or the best `k` where that is more.
    """
    pool = max(_POOL, k)
    dense = dict(index.search(vector, pool))
    rest = [row for row in best_rows(words, pool) if row not in dense]
    cosines = index.cosines(vector, rest)
    rows = np.asarray([*dense, *rest], dtype=np.int64)
    if rows.size == 0:
        return []
    cosine = np.asarray([*dense.values(), *cosines], dtype=np.float32)
    scores = _DENSE * _scaled(cosine) + (1 - _DENSE) * _scaled(words[rows])
    best = np.argsort(-scores, kind="stable")[:k]
    return [Candidate(int(rows[i]), float(scores[i]), float(cosine[i])) for i in best]


def _scaled(scores: Scores) -> Scores:
    low, high = scores.min(), scores.max()
    scaled: Scores = (scores - low) / (high - low) if high > low else np.zeros_like(scores)
    return scaled
