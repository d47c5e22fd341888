"""How often each term stands in each passage: what BM25 is computed from, and carried over from one generation to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from index import terms as terms_module
from index.checksums import sha256_of
from index.durable import sync
from index.errors import DamagedGeneration
from index.terms import terms

Ints = npt.NDArray[np.int32]


@cache
def terms_fingerprint() -> str:
    """Changes whenever a text's terms might."""
    return sha256_of(Path(terms_module.__file__))[:16]


@dataclass(frozen=True, slots=True)
class TermCounts:
    """Rows of (term, count) pairs: those of row i are `terms[ends[i-1]:ends[i]]` and the same of `counts`; a term is a
    number in `vocabulary`."""

    ends: npt.NDArray[np.int64]
    terms: Ints
    counts: Ints
    vocabulary: list[str]

    @classmethod
    def of(cls, texts: Sequence[str], vocabulary: Sequence[str] = ()) -> TermCounts:
        """Count the terms of texts; a vocabulary that is given keeps its numbers and grows."""
        numbers = {term: n for n, term in enumerate(vocabulary)}
        lengths: list[int] = []
        columns: list[int] = []
        counts: list[int] = []
        for text in texts:
            found = Counter(terms(text) or [""])
            lengths.append(len(found))
            columns += [numbers.setdefault(term, len(numbers)) for term in found]
            counts += found.values()
        ends = np.cumsum(lengths, dtype=np.int64)
        return cls(ends, np.array(columns, np.int32), np.array(counts, np.int32), list(numbers))

    def __len__(self) -> int:
        return len(self.ends)

    def rows(self, start: int, stop: int) -> TermCounts:
        """A run of rows."""
        first = int(self.ends[start - 1]) if start else 0
        last = int(self.ends[stop - 1]) if stop else 0
        return TermCounts(
            self.ends[start:stop] - first, self.terms[first:last], self.counts[first:last], self.vocabulary
        )

    @classmethod
    def joined(cls, parts: Sequence[TermCounts], vocabulary: list[str]) -> TermCounts:
        """Several runs that number their terms alike, one after the other; terms that no row holds any more are dropped."""
        starts = np.cumsum([0, *(len(p.terms) for p in parts)])
        ends = [p.ends + start for p, start in zip(parts, starts, strict=False)]
        columns = np.concatenate([p.terms for p in parts])
        used = np.bincount(columns, minlength=len(vocabulary)) > 0
        renumbered = (np.cumsum(used) - 1).astype(np.int32)
        return cls(
            np.concatenate(ends),
            renumbered[columns],
            np.concatenate([p.counts for p in parts]),
            [term for term, holds in zip(vocabulary, used.tolist(), strict=True) if holds],
        )

    def save(self, path: Path) -> None:
        """Write the numbers; the vocabulary is the word index's. Raises OSError."""
        save_file({"ends": self.ends, "terms": self.terms, "counts": self.counts}, path)
        sync(path)

    @classmethod
    def open(cls, path: Path, vocabulary: list[str]) -> TermCounts:
        """Read what `save` wrote. Raises DamagedGeneration."""
        try:
            arrays = load_file(path)
            return cls(arrays["ends"], arrays["terms"], arrays["counts"], vocabulary)
        except (OSError, KeyError, SafetensorError) as exc:
            raise DamagedGeneration(f"{path.name} cannot be read; run: switchboard kb refresh") from exc
