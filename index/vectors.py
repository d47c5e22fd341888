"""Nearest vectors by inner product. The only module that knows FAISS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np

from index.admission import Mask
from index.embedding import Vectors
from index.errors import DamagedGeneration


class VectorIndex:
    """Exact search over unit vectors; row numbers are the order in which they were given.

    Concurrent searches are safe; nothing is ever added after `build`.
    """

    def __init__(self, index: faiss.Index) -> None:
        self._index = index

    @classmethod
    def build(cls, vectors: Vectors) -> VectorIndex:
        """Index an array of shape (n, dimension)."""
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors))
        return cls(index)

    @classmethod
    def open(cls, path: Path) -> VectorIndex:
        """Read an index that `save` wrote. Raises DamagedGeneration."""
        try:
            return cls(faiss.read_index(str(path)))
        except RuntimeError as exc:
            raise DamagedGeneration(
                f"{path.name} cannot be read as a FAISS index; run: switchboard kb refresh"
            ) from exc

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def vectors(self) -> Vectors:
        """All vectors, shape (n, dimension), in row order."""
        return np.asarray(self._index.reconstruct_n(0, len(self)), dtype=np.float32)

    def search(self, query: Vectors, k: int, rows: Mask | None = None) -> list[tuple[int, float]]:
        """The `k` nearest rows to one query of shape (dimension,), nearest first, with their cosines.

        Where a mask of shape (n,) is given, the nearest of the rows that it marks.
        """
        k = min(k, len(self) if rows is None else int(rows.sum()))
        if k <= 0:
            return []
        chosen = None
        if rows is not None:
            # faiss takes arrays and keywords here, which its stubs do not know
            marked = faiss.IDSelectorBitmap(np.packbits(rows, bitorder="little"))  # type: ignore[call-arg, arg-type]
            chosen = faiss.SearchParameters(sel=marked)  # type: ignore[call-arg]
        scores, found = self._index.search(query.reshape(1, -1), k, params=chosen)
        return [(int(row), float(score)) for row, score in zip(found[0], scores[0], strict=True) if row >= 0]

    def cosines(self, query: Vectors, rows: Sequence[int]) -> list[float]:
        """The cosines of a query of shape (dimension,) to the given rows, in their order."""
        if not rows:
            return []
        chosen = self._index.reconstruct_batch(np.asarray(rows, dtype=np.int64))
        return [float(c) for c in chosen @ query]
