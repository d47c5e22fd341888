"""Labelled tickets that read like a new one: examples for the model, and votes for the branches of the tree.

Two opinions make the votes. A linear probe judges the ticket as a whole. And each of its sentences asks the sentences of
labelled tickets that are nearest to it; one that could stand in any ticket ("please call me back") finds all labels
alike and counts for little.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from assistant.triage.probe import LinearProbe, Shares
from assistant.triage.tickets import LabelledTicket
from index.embedding import Embedder, Vectors
from index.errors import DamagedGeneration
from index.quotables import sentences
from index.vectors import VectorIndex

# these were chosen on the sample dev tickets
_NEAREST = 12  # tickets that are named
_VOTERS = 30  # sentences that each sentence asks
_SHARPNESS = 0.05  # cosine: a sentence this much nearer counts e times as much
_DECISIVE = 2.0  # a sentence counts exp(-this) for each nat of entropy in what its neighbours say
_FLOOR = 0.02  # of a sentence's votes, shared by all labels, so that none is ruled out by not having been found
_LEAST_LETTERS = 8  # shorter sentences are greetings


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A labelled ticket and its cosine to the one that was asked about."""

    ticket: LabelledTicket
    cosine: float


@dataclass(frozen=True, slots=True)
class Precedents:
    """What labelled tickets say of a new one: the nearest of them, nearest first, and how much speaks for each node on
    their paths; nodes of one level sum to 1 at most."""

    near: tuple[Neighbour, ...] = ()
    votes: Mapping[str, float] = field(default_factory=dict)


class Neighbours:
    """Exact search over the embedded texts of labelled tickets and over their sentences."""

    def __init__(
        self,
        tickets: Sequence[LabelledTicket],
        embedder: Embedder,
        index: VectorIndex,
        sentence_index: VectorIndex,
        probe: LinearProbe | None = None,
    ) -> None:
        """`sentence_index` holds the tickets' distinct sentences in the order of `distinct_sentences`."""
        self._tickets, self._embedder = tickets, embedder
        self._index, self._sentence_index = index, sentence_index
        self._labels = sorted({t.path for t in tickets})
        place = {path: i for i, path in enumerate(self._labels)}
        classes = np.asarray([place[t.path] for t in tickets], dtype=np.int64)
        self.probe = probe or LinearProbe.fit(index.vectors(), classes, len(self._labels))
        self._labels_of = [
            [int(classes[t]) for t in holders] for holders in distinct_sentences([t.text for t in tickets]).values()
        ]

    @classmethod
    def of(
        cls, tickets: Sequence[LabelledTicket], embedder: Embedder, advance: Callable[[int], None] = lambda _: None
    ) -> Neighbours:
        """Embed the tickets; `advance` is told how many are done."""
        texts = [t.text for t in tickets]
        whole = VectorIndex.build(embedder.embed(texts, advance))
        return cls(tickets, embedder, whole, VectorIndex.build(embedder.embed(list(distinct_sentences(texts)))))

    @classmethod
    def open(
        cls,
        tickets: Sequence[LabelledTicket],
        embedder: Embedder,
        cache: Path,
        advance: Callable[[int], None] = lambda _: None,
    ) -> Neighbours:
        """The same, kept in a folder: all is made again when a text, a label or the embedder changes."""
        parts = [embedder.fingerprint, *(f"{'>'.join(t.path)}\x01{t.text}" for t in tickets)]
        digest = hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:24]
        kept = [cache / f"{digest}{suffix}" for suffix in (".faiss", ".sentences.faiss", ".safetensors")]
        try:
            probe = LinearProbe.open(kept[2])
            if probe is not None:
                return cls(tickets, embedder, VectorIndex.open(kept[0]), VectorIndex.open(kept[1]), probe)
        except DamagedGeneration:
            pass
        made = cls.of(tickets, embedder, advance)
        cache.mkdir(parents=True, exist_ok=True)
        saves = (made._index.save, made._sentence_index.save, made.probe.save)
        for save, path in zip(saves, kept, strict=True):
            work = path.with_suffix(f".{os.getpid()}")
            save(work)
            os.replace(work, path)
        return made

    def nearest(self, texts: Sequence[str], k: int = _NEAREST) -> list[list[Neighbour]]:
        """For each text its `k` nearest tickets, nearest first."""
        return [self._near(v, k) for v in self._embedder.embed(texts)]

    def consult(self, text: str) -> Precedents:
        """What the labelled tickets say of one text."""
        parts = _sentences(text)
        whole, *pieces = self._embedder.embed([text, *parts])
        scores = self.probe.log_probabilities(whole[None])[0] + np.log(self._asked(np.asarray(pieces)))
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        votes: dict[str, float] = defaultdict(float)
        for path, share in zip(self._labels, shares.tolist(), strict=True):
            for node in path:
                votes[node] += share
        return Precedents(tuple(self._near(whole, _NEAREST)), votes)

    def _near(self, vector: Vectors, k: int) -> list[Neighbour]:
        return [Neighbour(self._tickets[r], c) for r, c in self._index.search(vector, k)]

    def _asked(self, vectors: Vectors) -> Shares:
        """Shares of the labels by what is nearest to each of a ticket's sentences, shape (labels,)."""
        total = np.zeros(len(self._labels), dtype=np.float32)
        for vector in vectors:
            found = self._sentence_index.search(vector, _VOTERS)
            own = np.zeros_like(total)
            for row, cosine in found:
                np.add.at(own, self._labels_of[row], np.exp((cosine - found[0][1]) / _SHARPNESS))
            own /= own.sum()
            said = own[own > 0]
            total += own * np.exp(_DECISIVE * float((said * np.log(said)).sum()))
        return np.asarray((1 - _FLOOR) * total / total.sum() + _FLOOR / len(total), dtype=np.float32)


def distinct_sentences(texts: Sequence[str]) -> dict[str, list[int]]:
    """Every sentence of the texts once, in order of appearance, with the numbers of the texts that hold it."""
    found: dict[str, list[int]] = {}
    for number, text in enumerate(texts):
        for sentence in dict.fromkeys(_sentences(text)):
            found.setdefault(sentence, []).append(number)
    return found


def _sentences(text: str) -> list[str]:
    """The sentences of a ticket that say something; all of it where none does."""
    parts = [s for line in text.splitlines() for s in sentences(line)]
    return [s for s in parts if sum(c.isalpha() for c in s) >= _LEAST_LETTERS] or [text]
