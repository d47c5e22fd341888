"""How often each token stands in each passage: what BM25 is computed from, carried over from one generation to the next."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from index import chinese as chinese_module
from index import terms as terms_module
from index.durable import sync
from index.errors import DamagedGeneration
from index.terms import passage_tokens

_CUTTERS = (terms_module, chinese_module)  # the modules that decide what the tokens of a text are

Ints = npt.NDArray[np.int32]


@cache
def tokens_fingerprint() -> str:
    """Changes whenever a text's tokens might."""
    sources = (Path(module.__file__ or "").read_bytes() for module in _CUTTERS)
    return hashlib.sha256(b"".join(sources)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """Rows of (token, count) pairs: those of row i are `tokens[ends[i-1]:ends[i]]` and the same of `counts`; a token is
    a number in `vocabulary`. A row without any holds the empty token once."""

    ends: npt.NDArray[np.int64]
    tokens: Ints
    counts: Ints
    vocabulary: list[str]

    @classmethod
    def of(cls, texts: Sequence[str], vocabulary: Sequence[str] = ()) -> TokenCounts:
        """Count the tokens of texts; a vocabulary that is given keeps its numbers and grows."""
        numbers = {token: n for n, token in enumerate(vocabulary)}
        lengths: list[int] = []
        tokens: list[int] = []
        counts: list[int] = []
        for text in texts:
            found = Counter(passage_tokens(text) or [""])
            lengths.append(len(found))
            tokens += [numbers.setdefault(token, len(numbers)) for token in found]
            counts += found.values()
        ends = np.cumsum(lengths, dtype=np.int64)
        return cls(ends, np.array(tokens, np.int32), np.array(counts, np.int32), list(numbers))

    def __len__(self) -> int:
        return len(self.ends)

    def rows(self, start: int, stop: int) -> TokenCounts:
        """A run of rows."""
        first = int(self.ends[start - 1]) if start else 0
        last = int(self.ends[stop - 1]) if stop else 0
        ends = self.ends[start:stop] - first
        return TokenCounts(ends, self.tokens[first:last], self.counts[first:last], self.vocabulary)

    @classmethod
    def joined(cls, parts: Sequence[TokenCounts], vocabulary: list[str]) -> TokenCounts:
        """Several runs that number their tokens alike, one after the other; tokens that no row holds are dropped."""
        starts = np.cumsum([0, *(len(p.tokens) for p in parts)])
        ends = [p.ends + start for p, start in zip(parts, starts, strict=False)]
        tokens = np.concatenate([p.tokens for p in parts])
        used = np.bincount(tokens, minlength=len(vocabulary)) > 0
        renumbered = (np.cumsum(used) - 1).astype(np.int32)
        return cls(
            np.concatenate(ends),
            renumbered[tokens],
            np.concatenate([p.counts for p in parts]),
            [token for token, held in zip(vocabulary, used.tolist(), strict=True) if held],
        )

    def save(self, path: Path) -> None:
        """Write the numbers; the vocabulary is kept by the word index. Raises OSError."""
        save_file({"ends": self.ends, "tokens": self.tokens, "counts": self.counts}, path)
        sync(path)

    @classmethod
    def open(cls, path: Path, vocabulary: list[str]) -> TokenCounts:
        """Read what `save` wrote. Raises DamagedGeneration."""
        try:
            arrays = load_file(path)
            return cls(arrays["ends"], arrays["tokens"], arrays["counts"], vocabulary)
        except (OSError, KeyError, SafetensorError) as exc:
            raise DamagedGeneration(f"{path.name} cannot be read; run: switchboard kb refresh") from exc
