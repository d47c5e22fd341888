"""A query -> the passages that answer it best: vectors and words, blended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from index.blending import Blend, Mask, candidates, ranked
from index.duplicates import distinct
from index.embedding import Embedder, Vectors
from index.errors import EmbedderMismatch
from index.generation import Generation
from index.library import KnowledgeBase
from index.passages import Hit, Passage
from index.quotables import quotables
from index.spelling import whole_words

_LINES_KEPT = 20_000  # vectors of lines that are asked for again and again; 30 MB at 384 dimensions


@dataclass(frozen=True, slots=True)
class Line:
    """One quotable line of a passage, with its cosine to the query."""

    passage: Passage
    text: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Hits and the lines of the first few of them, each best first, from one generation; times in seconds.

    `query` is what was searched for: the query that was asked, its misspelt words corrected.
    """

    hits: tuple[Hit, ...]
    lines: tuple[Line, ...]
    generation: Generation
    embed_seconds: float
    search_seconds: float
    query: str


class Retriever:
    """Searches whatever generation is current at the moment of asking.

    `blend` replaces the one that the generation was published with.
    """

    def __init__(self, knowledge_base: KnowledgeBase, embedder: Embedder, blend: Blend | None = None) -> None:
        self._knowledge_base = knowledge_base
        self._embedder = embedder
        self._blend = blend
        self._line_vectors: dict[str, Vectors] = {}
        self._is_english = whole_words(embedder)

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
        query = generation.words.lexicon.correct(query, self._is_english)
        vector = self._embedder.embed([query])[0]
        embedded = time.perf_counter()
        hits = self._hits(generation, query, vector, k)
        searched = time.perf_counter()
        lines = self._lines(vector, hits[:read_lines_of])
        embedding = embedded - started + time.perf_counter() - searched
        return Retrieval(hits, lines, generation, embedding, searched - embedded, query)

    def _hits(
        self, generation: Generation, query: str, vector: Vectors, k: int, allowed: Mask | None = None
    ) -> tuple[Hit, ...]:
        pool = candidates(generation.index, vector, generation.words.scores(query), k, allowed)
        blend = self._blend or generation.manifest.blend
        found = ranked(pool, blend.scale, blend.weight(query))
        return tuple(distinct((Hit(generation.passages[c.row], c.score, c.cosine) for c in found), k))

    def _lines(self, vector: Vectors, hits: Sequence[Hit]) -> tuple[Line, ...]:
        found = [(h.passage, q.text) for h in hits for q in quotables(h.passage.text)]
        known = self._line_vectors
        new = list(dict.fromkeys(text for _, text in found if text not in known))
        if len(known) + len(new) > _LINES_KEPT:
            known = self._line_vectors = {}
            new = list(dict.fromkeys(text for _, text in found))
        # neither dict is ever changed while it is read: concurrent searches at worst embed a line twice
        known = self._line_vectors = (
            {**known, **dict(zip(new, self._embedder.embed(new), strict=True))} if new else known
        )
        lines = (Line(passage, text, float(known[text] @ vector)) for passage, text in found)
        return tuple(sorted(lines, key=lambda line: -line.cosine))
