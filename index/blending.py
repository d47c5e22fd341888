"""Cosines and BM25 scores -> one ranking: how the two are put on one scale, and how much each weighs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ValidationError

from index.admission import Mask
from index.embedding import Vectors
from index.errors import KnowledgeBaseError
from index.terms import is_chinese, is_code
from index.vectors import VectorIndex
from index.words import Scores, best_rows

BLEND_FILE = Path(__file__).with_name("blend.json")
POOL = 100  # candidates from each side
_DENSE_OF_CODE = 0.1  # so that it only decides between passages that hold the code alike
_RANK_OFFSET = 10  # of reciprocal rank fusion; 60 in the paper, where the lists were a thousand deep


class Scale(StrEnum):
    """How the scores of the candidates are made comparable."""

    RANGE = "range"
    """From 0 for the lowest to 1 for the highest."""
    DEVIATION = "deviation"
    """In standard deviations from the mean."""
    RANK = "rank"
    """By rank alone: reciprocal rank fusion (Cormack et al., 2009)."""


class Blend(BaseModel, frozen=True):
    """How vectors and words are weighed, and what that was chosen on.

    `dense` is the weight of the cosine, from 0 to 1, and the words have the rest; `dense_chinese` is the same for
    queries in Chinese, which an English embedder cannot read. The notes say what they were fitted on.
    """

    scale: Scale = Scale.RANGE
    dense: float = 0.6
    dense_chinese: float = 0.6
    note: str = "not fitted"
    note_chinese: str = "not fitted"

    def weight(self, query: str) -> float:
        """The weight of the cosine for a query; small for a code, which an embedder takes for any other one."""
        if is_code(query):
            return min(_DENSE_OF_CODE, self.dense)
        return self.dense_chinese if is_chinese(query) else self.dense


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row of an index found for a query: `score` ranks it, from 0 to 1; `cosine` can be compared between queries."""

    row: int
    score: float
    cosine: float


@dataclass(frozen=True, slots=True)
class Pool:
    """The candidates of a query before they are ranked: row numbers, cosines and BM25 scores, all of shape (n,)."""

    rows: npt.NDArray[np.int64]
    cosines: Scores
    words: Scores


def load_blend(path: Path = BLEND_FILE) -> Blend:
    """The blend that comes with the program. Raises KnowledgeBaseError."""
    try:
        return Blend.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as exc:
        raise KnowledgeBaseError(f"{path} cannot be read; fit it again: switchboard eval retrieval --fit") from exc


def save_blend(blend: Blend, path: Path = BLEND_FILE) -> None:
    """Keep a blend where `load_blend` finds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(blend.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")


def candidates(index: VectorIndex, vector: Vectors, words: Scores, k: int, allowed: Mask | None = None) -> Pool:
    """The best 100 rows of either side, or the best `k` where that is more, of those that `allowed` lets through.

    `vector` is the query's, shape (dimension,); `words` are its BM25 scores and `allowed` the rows that may be
    found, both of shape (n,).
    """
    size = max(POOL, k)
    if allowed is not None:
        words = np.where(allowed, words, 0).astype(np.float32)
    dense = dict(index.search(vector, size, allowed))
    rest = [row for row in best_rows(words, size) if row not in dense]
    rows = np.asarray([*dense, *rest], dtype=np.int64)
    cosines = np.asarray([*dense.values(), *index.cosines(vector, rest)], dtype=np.float32)
    return Pool(rows, cosines, words[rows])


def ranked(pool: Pool, scale: Scale, weight: float) -> list[Candidate]:
    """The candidates with their blended scores, best first; `weight` is that of the cosine."""
    if pool.rows.size == 0:
        return []
    put = _SCALES[scale]
    scores = weight * put(pool.cosines) + (1 - weight) * put(pool.words)
    order = np.argsort(-scores, kind="stable")
    shown = scores if scale is Scale.RANGE else _ranged(scores)
    return [Candidate(int(pool.rows[i]), float(shown[i]), float(pool.cosines[i])) for i in order]


def _ranged(scores: Scores) -> Scores:
    low, high = scores.min(), scores.max()
    scaled: Scores = (scores - low) / (high - low) if high > low else np.zeros_like(scores)
    return scaled


def _deviations(scores: Scores) -> Scores:
    spread = scores.std()
    scaled: Scores = (scores - scores.mean()) / spread if spread > 0 else np.zeros_like(scores)
    return scaled


def _reciprocal_ranks(scores: Scores) -> Scores:
    ranks = np.empty(len(scores), dtype=np.float32)
    ranks[np.argsort(-scores, kind="stable")] = np.arange(len(scores))
    return (1 / (_RANK_OFFSET + ranks)).astype(np.float32)


_SCALES: dict[Scale, Callable[[Scores], Scores]] = {
    Scale.RANGE: _ranged,
    Scale.DEVIATION: _deviations,
    Scale.RANK: _reciprocal_ranks,
}
