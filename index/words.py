"""Passages by the words that they share with a query: BM25. The only module that knows bm25s."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from index.errors import DamagedGeneration
from index.spelling import Lexicon
from index.terms import spelt, term, tokens
from index.token_counts import TokenCounts

_K1, _B = 0.9, 0.4  # the values of Pyserini's baselines (Lin et al., 2021)

Scores = npt.NDArray[np.float32]


class WordIndex:
    """Lucene's BM25 over the terms of each passage, with every term's weight computed beforehand (Lù, 2024).

    `spellings` are the tokens that passages hold, each with the column of its term.
    """

    def __init__(self, model: bm25s.BM25, spellings: dict[str, int]) -> None:
        self._model = model
        self._spellings = spellings

    @classmethod
    def build(cls, texts: Sequence[str]) -> WordIndex:
        """Index texts whose first lines are their titles and headings; row numbers are their order."""
        return cls.from_counts(TokenCounts.of(texts))

    @classmethod
    def from_counts(cls, table: TokenCounts) -> WordIndex:
        """Index rows whose tokens are counted already."""
        columns: dict[str, int] = {}
        spellings = {t: columns.setdefault(term(t) if t else "", len(columns)) for t in table.vocabulary}
        column_of = np.fromiter(spellings.values(), np.int32, len(spellings))
        model = bm25s.BM25(method="lucene", k1=_K1, b=_B)
        shape = (len(table), len(columns))
        by_row = csr_matrix((table.counts, column_of[table.tokens], np.append(0, table.ends)), shape, copy=True)
        by_row.sum_duplicates()  # several tokens have one term; done in place, hence on a copy
        lengths = np.asarray(by_row.sum(axis=1)).ravel()
        holding = np.bincount(by_row.indices, minlength=shape[1])
        rarity = np.log(1 + (shape[0] - holding + 0.5) / (holding + 0.5))
        damping = np.repeat(_K1 * (1 - _B + _B * lengths / lengths.mean()), np.diff(by_row.indptr))
        weights = (rarity[by_row.indices] * by_row.data / (by_row.data + damping)).astype(np.float32)
        by_term = csr_matrix((weights, by_row.indices, by_row.indptr), shape).tocsc()
        model.scores = {
            "data": by_term.data,
            "indices": by_term.indices.astype(np.int32),
            "indptr": by_term.indptr.astype(np.int64),
            "num_docs": shape[0],
        }
        model.vocab_dict = columns
        model.nonoccurrence_array = None
        return cls(model, spellings)

    @property
    def vocabulary(self) -> list[str]:
        """Every token, in the order of its number."""
        return list(self._spellings)

    @classmethod
    def open(cls, weights: Path, vocabulary: Path) -> WordIndex:
        """Read what `save` wrote. Raises DamagedGeneration."""
        try:
            arrays = load_file(weights)
            model = bm25s.BM25(method="lucene", k1=_K1, b=_B)
            model.scores = {name: arrays[name] for name in ("data", "indices", "indptr")}
            model.scores["num_docs"] = int(arrays["num_docs"][0])
            stored = json.loads(vocabulary.read_text(encoding="utf-8"))
            model.vocab_dict, spellings = dict(stored["terms"]), dict(stored["spellings"])
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as exc:
            raise DamagedGeneration(
                f"{weights.name} cannot be read as a word index; run: switchboard kb refresh"
            ) from exc
        model.nonoccurrence_array = None  # Lucene's variant gives nothing for a missing term
        return cls(model, spellings)

    def save(self, weights: Path, vocabulary: Path) -> None:
        scores = self._model.scores
        arrays = {name: np.ascontiguousarray(scores[name]) for name in ("data", "indices", "indptr")}
        save_file(arrays | {"num_docs": np.asarray([len(self)])}, weights)
        stored = {"terms": self._model.vocab_dict, "spellings": self._spellings}
        vocabulary.write_text(json.dumps(stored, ensure_ascii=False), encoding="utf-8")

    def __len__(self) -> int:
        return int(self._model.scores["num_docs"])

    def holding(self, term: str) -> int:
        """How many rows hold a term."""
        column = self._model.vocab_dict.get(term)
        return self._held(column) if column is not None else 0

    def scores(self, query: str) -> Scores:
        """The BM25 score of every row, shape (n,); 0 where no term is shared."""
        words = spelt(query)
        joined = [
            f"{left}{right}" for left, right in pairwise(words)
        ]  # 'wi fi' and 'E 2041' are in one piece elsewhere
        asked = [*tokens(query), *(word for word in joined if word in self._spellings)]
        known = [t for t in dict.fromkeys(map(term, asked)) if t in self._model.vocab_dict]
        if not known:
            return np.zeros(len(self), dtype=np.float32)
        return np.asarray(self._model.get_scores(known), dtype=np.float32)

    @cached_property
    def lexicon(self) -> Lexicon:
        """The words of all passages, to correct those of a query by."""
        return Lexicon({token: self._held(column) for token, column in self._spellings.items()})

    def _held(self, column: int) -> int:
        starts = self._model.scores["indptr"]
        return int(starts[column + 1] - starts[column])


def best_rows(scores: Scores, k: int) -> list[int]:
    """The rows of the `k` highest scores above 0, best first; equal scores in the order of the rows."""
    return [int(row) for row in np.argsort(-scores, kind="stable")[:k] if scores[row] > 0]
