"""A query -> the passages that answer it best: vectors and words, blended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from index.admission import Mask
from index.blending import Blend, candidates, ranked
from index.duplicates import distinct
from index.embedding import Embedder, Vectors
from index.errors import EmbedderMismatch
from index.generation import Generation
from index.library import KnowledgeBase
from index.passages import Hit, Passage
from index.quotables import quotables
from index.records import IndexedDocument
from index.scope import ANYWHERE, NO_FILTER, Audience, Filter
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

    `audience` is whom everything found is for: a retriever for customers never gives what is for agents only, whatever
    a filter asks for. `today` is the clock by which documents hold; `blend` replaces the one that the generation was
    published with.
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        embedder: Embedder,
        audience: Audience = "agent",
        today: Callable[[], date] = date.today,
        blend: Blend | None = None,
    ) -> None:
        self.audience = audience
        self.today = today
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

    def documents(self) -> tuple[IndexedDocument, ...]:
        """The documents that this audience may see, those that do not hold today among them, in the order of names.

        Raises what `generation` raises.
        """
        generation = self.generation()
        if self.audience == "agent":
            return generation.documents
        scopes = generation.scopes
        return tuple(d for d in generation.documents if (s := scopes[d.name]) is not None and s.audience == "customer")

    def rows(self, generation: Generation, wanted: Filter) -> Mask:
        """The rows of a generation that a search with this filter may find."""
        if self.audience == "customer":
            wanted = replace(wanted, audience="customer")
        return generation.admission.rows(wanted, self.today())

    def search(self, query: str, k: int, read_lines_of: int = 0, wanted: Filter = NO_FILTER) -> Retrieval:
        """The `k` best passages that the filter admits, and the lines of the first `read_lines_of` of them.

        Documents that do not hold on the filter's day, or else today, are never found.
        """
        generation = self.generation()
        started = time.perf_counter()
        query = generation.words.lexicon.correct(query, self._is_english)
        vector = self._embedder.embed([query])[0]
        embedded = time.perf_counter()
        hits = self._hits(generation, query, vector, k, self.rows(generation, wanted))
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
        passages = ((c, generation.passages[c.row]) for c in found)
        scopes = generation.scopes
        hits = (Hit(p, c.score, c.cosine, scopes[p.document] or ANYWHERE) for c, p in passages)
        return tuple(distinct(hits, k))

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
