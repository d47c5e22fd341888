"""Nearest vectors by inner product, exact or nearly so by size. The only module that knows FAISS."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from index.admission import Mask
from index.embedding import Vectors
from index.errors import DamagedGeneration
from index.index_choice import IndexChoice

log = logging.getLogger(__name__)

_RECALL_WANTED = 0.985
_K = 10
_ASKED = 256  # queries of either sort that an index is measured with
_WIDER = 4  # times as many candidates are scored again, by the exact vectors
_LINKS = 32  # of a node of the graph
_LEARNED_FROM = 40  # vectors for each list of a quantised index
_SEED = 11
_TIE = 1e-6


@dataclass(frozen=True, slots=True)
class Sizes:
    """Up to how many vectors an index is exact, and up to how many a graph; beyond, it is quantised.

    Exact search over 50,000 reads 77 MB a query at 384 dimensions. A graph is built anew at every refresh, some seven
    seconds for 50,000, which is too long beyond a quarter of a million.
    """

    exact: int = 50_000
    graph: int = 250_000


_SIZES = Sizes()


class VectorIndex:
    """Search over unit vectors; row numbers are the order in which they were given.

    The exact vectors are always there: a graph or a quantised index finds candidates, and they score them. All of it
    is one file, mapped and not read when it is opened. Concurrent searches are safe; nothing is ever added after
    `build`. `choice` is known of an index that was just built.
    """

    def __init__(self, index: faiss.Index, choice: IndexChoice | None = None) -> None:
        self._owner = index  # what downcasting returns does not keep it alive
        self._index = faiss.downcast_index(index)
        # of what kind a part is, FAISS's stubs do not know
        self._coarse: Any = None
        self._exact = self._index
        if isinstance(self._index, faiss.IndexRefine):
            self._coarse = faiss.downcast_index(self._index.base_index)
            self._exact = faiss.downcast_index(self._index.refine_index)
        self.choice = choice

    @classmethod
    def build(cls, vectors: Vectors, like: VectorIndex | None = None, sizes: Sizes = _SIZES) -> VectorIndex:
        """Index an array of shape (n, dimension), in the kind that `sizes` says.

        The lists and ranges of `like` are taken over where it is quantised too and neither half nor twice as large,
        so that they need not be learned anew. Where recall@10 does not reach 0.985 whatever the effort, the index is exact.
        """
        vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        count, dimension = vectors.shape
        exact = faiss.IndexFlatIP(dimension)
        exact.add(vectors)
        if count > sizes.exact:
            coarse = _graph(vectors) if count <= sizes.graph else _quantised(vectors, like)
            found = cls._refined(coarse, exact, vectors)
            if found is not None:
                return found
        return cls(exact, IndexChoice("exact", 1.0, 0, 4.0 * dimension))

    @classmethod
    def _refined(cls, coarse: faiss.Index, exact: faiss.Index, vectors: Vectors) -> VectorIndex | None:
        refined = faiss.IndexRefine(coarse, exact)
        refined.k_factor = _WIDER
        index = cls(refined)
        effort = _least_effort(index, vectors)
        if effort is None:
            log.warning(
                "no effort reaches recall@10 of %.3f over %d vectors: search is exact", _RECALL_WANTED, len(index)
            )
            return None
        size = faiss.serialize_index(coarse).nbytes / len(index) + 4.0 * vectors.shape[1]
        parameters = {"effort": float(effort.effort), "candidates": float(_WIDER)}
        index.choice = IndexChoice(_kind(coarse), effort.recall, effort.asked, size, parameters)
        return index

    @classmethod
    def open(cls, path: Path) -> VectorIndex:
        """Map an index that `save` wrote; its pages are read as searches need them. Raises DamagedGeneration."""
        try:
            return cls(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC))
        except RuntimeError as exc:
            raise DamagedGeneration(
                f"{path.name} cannot be read as a FAISS index; run: switchboard kb refresh"
            ) from exc

    def save(self, path: Path) -> None:
        faiss.write_index(self._index, str(path))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def kind(self) -> str:
        """Exact, graph or quantised."""
        return _kind(self._coarse)

    def vectors(self) -> Vectors:
        """All vectors as they were given, shape (n, dimension), in row order; a copy in memory."""
        return np.asarray(self._exact.reconstruct_n(0, len(self)), dtype=np.float32)

    def search(self, query: Vectors, k: int, rows: Mask | None = None) -> list[tuple[int, float]]:
        """The `k` nearest rows to one query of shape (dimension,), nearest first, with their cosines.

        Where a mask of shape (n,) is given, the nearest of the rows that it marks: exactly where they are no more than
        an exact index would hold, or a tenth of all.
        """
        marked = len(self) if rows is None else int(rows.sum())
        k = min(k, marked)
        if k <= 0:
            return []
        few = rows is not None and marked <= max(_SIZES.exact, len(self) // 10)
        if self._coarse is not None and not few:
            found = self._nearly(query, k, rows, len(self) / marked)
            if len(found) == k:
                return found
        chosen = None
        if rows is not None:
            selector = _selector(rows)
            chosen = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        return _pairs(*self._exact.search(query.reshape(1, -1), k, params=chosen))

    def _nearly(self, query: Vectors, k: int, rows: Mask | None, wider: float) -> list[tuple[int, float]]:
        # of the rows that are looked at only some are marked, so as many more are looked at
        effort = int(_effort(self._coarse) * wider)
        selector = None if rows is None else _selector(rows)
        chosen = (
            faiss.SearchParametersHNSW(sel=selector, efSearch=effort)  # type: ignore[attr-defined]
            if self.kind == "graph"
            else faiss.SearchParametersIVF(sel=selector, nprobe=min(effort, self._coarse.nlist))  # type: ignore[call-arg]
        )
        _, found = self._coarse.search(query.reshape(1, -1), min(k * _WIDER, len(self)), params=chosen)
        # not by IndexRefine.search: it starts threads for each query, and waits milliseconds for them on a busy machine
        near = found[0][found[0] >= 0]
        cosines = self._exact.reconstruct_batch(near) @ query
        return [(int(near[i]), float(cosines[i])) for i in np.argsort(-cosines, kind="stable")[:k]]

    def cosines(self, query: Vectors, rows: Sequence[int]) -> list[float]:
        """The exact cosines of a query of shape (dimension,) to the given rows, in their order."""
        if not rows:
            return []
        chosen = self._exact.reconstruct_batch(np.asarray(rows, dtype=np.int64))
        return [float(c) for c in chosen @ query]


@dataclass(frozen=True, slots=True)
class _Effort:
    effort: int
    recall: float
    asked: int


def _least_effort(index: VectorIndex, vectors: Vectors) -> _Effort | None:
    """Set the least effort that reaches the recall wanted, on vectors of the index and on points between two of them.

    The vectors alone are too easy: a query lies further from the passages than they lie from one another.
    """
    chance = np.random.default_rng(_SEED)
    own, other = (vectors[chance.integers(0, len(vectors), _ASKED)] for _ in range(2))
    between = own + other
    between /= np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-9)
    queries = np.concatenate([own, between])
    cosines, _ = index._exact.search(queries, _K)
    effort, most = 4, len(vectors) if index.kind == "graph" else index._coarse.nlist
    while True:
        effort = min(effort, most)
        _set_effort(index._coarse, effort)
        shares = [_share_found(index, query, best) for query, best in zip(queries, cosines, strict=True)]
        recall = float(min(np.mean(shares[:_ASKED]), np.mean(shares[_ASKED:])))
        if recall >= _RECALL_WANTED:
            return _Effort(effort, recall, len(queries))
        if effort == most:
            return None
        effort *= 2


def _share_found(index: VectorIndex, query: Vectors, best: Vectors) -> float:
    # by cosine, not by row: which of several equal passages is found makes no difference
    found = index._nearly(query, len(best), None, 1.0)
    return sum(cosine >= float(best[-1]) - _TIE for _, cosine in found) / len(best)


def _graph(vectors: Vectors) -> faiss.Index:
    graph = faiss.IndexHNSWSQ(vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, _LINKS, faiss.METRIC_INNER_PRODUCT)  # type: ignore[arg-type]
    graph.train(vectors)
    graph.add(vectors)
    return graph


def _quantised(vectors: Vectors, like: VectorIndex | None) -> faiss.Index:
    count, dimension = vectors.shape
    if like is not None and like.kind == "quantised" and count / 2 <= len(like) <= count * 2:
        index = faiss.clone_index(like._coarse)
        index.reset()
    else:
        lists = int(4 * count**0.5)
        index = faiss.index_factory(dimension, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
        sample = np.random.default_rng(_SEED).choice(count, min(count, _LEARNED_FROM * lists), replace=False)
        index.train(vectors[np.sort(sample)])
    index.add(vectors)
    return index


def _kind(coarse: Any) -> str:
    if coarse is None:
        return "exact"
    return "graph" if isinstance(coarse, faiss.IndexHNSW) else "quantised"


def _effort(coarse: Any) -> int:
    return int(coarse.hnsw.efSearch if isinstance(coarse, faiss.IndexHNSW) else coarse.nprobe)


def _set_effort(coarse: Any, effort: int) -> None:
    if isinstance(coarse, faiss.IndexHNSW):
        coarse.hnsw.efSearch = effort
    else:
        coarse.nprobe = effort


def _selector(rows: Mask) -> faiss.IDSelectorBitmap:
    # faiss takes an array here, which its stubs do not know
    return faiss.IDSelectorBitmap(np.packbits(rows, bitorder="little"))  # type: ignore[call-arg, arg-type]


def _pairs(scores: Vectors, rows: npt.NDArray[np.int64]) -> list[tuple[int, float]]:
    return [(int(row), float(score)) for row, score in zip(rows[0], scores[0], strict=True) if row >= 0]
