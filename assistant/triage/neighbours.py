"""Labelled tickets that read like a new one: examples for the model, and votes for the branches of the tree."""

from __future__ import annotations

import hashlib
import math
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.triage.tickets import LabelledTicket
from index.embedding import Embedder
from index.errors import DamagedGeneration
from index.vectors import VectorIndex

_VOTERS = 40
_SHARPNESS = 0.05  # cosine: a ticket this much nearer counts e times as much


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A labelled ticket and its cosine to the one that was asked about."""

    ticket: LabelledTicket
    cosine: float


class Neighbours:
    """Exact search over the embedded texts of labelled tickets."""

    def __init__(self, tickets: Sequence[LabelledTicket], index: VectorIndex, embedder: Embedder) -> None:
        self._tickets = tickets
        self._index = index
        self._embedder = embedder

    @classmethod
    def of(
        cls, tickets: Sequence[LabelledTicket], embedder: Embedder, advance: Callable[[int], None] = lambda _: None
    ) -> Neighbours:
        """Embed the tickets; `advance` is told how many are done."""
        return cls(tickets, VectorIndex.build(embedder.embed([t.text for t in tickets], advance)), embedder)

    @classmethod
    def open(
        cls,
        tickets: Sequence[LabelledTicket],
        embedder: Embedder,
        cache: Path,
        advance: Callable[[int], None] = lambda _: None,
    ) -> Neighbours:
        """The same, with the vectors kept in a folder: they are embedded again when a text or the embedder changes."""
        digest = hashlib.sha256("\x00".join([embedder.fingerprint, *(t.text for t in tickets)]).encode()).hexdigest()
        path = cache / f"{digest[:24]}.faiss"
        try:
            index = VectorIndex.open(path) if path.is_file() else None
        except DamagedGeneration:
            index = None
        if index is None or len(index) != len(tickets):
            index = VectorIndex.build(embedder.embed([t.text for t in tickets], advance))
            cache.mkdir(parents=True, exist_ok=True)
            work = path.with_suffix(f".{os.getpid()}")
            index.save(work)
            os.replace(work, path)
        return cls(tickets, index, embedder)

    def nearest(self, texts: Sequence[str], k: int = _VOTERS) -> list[list[Neighbour]]:
        """For each text its `k` nearest tickets, nearest first."""
        vectors = self._embedder.embed(texts)
        return [[Neighbour(self._tickets[r], c) for r, c in self._index.search(v, k)] for v in vectors]


def votes(neighbours: Sequence[Neighbour]) -> Mapping[str, float]:
    """How much speaks for each node on the neighbours' paths; nodes of one level sum to 1 at most.

    A neighbour's weight falls exponentially with its distance from the nearest one.
    """
    if not neighbours:
        return {}
    best = max(n.cosine for n in neighbours)
    weights = [math.exp((n.cosine - best) / _SHARPNESS) for n in neighbours]
    total = sum(weights)
    found: dict[str, float] = defaultdict(float)
    for neighbour, weight in zip(neighbours, weights, strict=True):
        for node in neighbour.ticket.path:
            found[node] += weight / total
    return found
