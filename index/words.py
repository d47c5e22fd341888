"""Passages by the words that they share with a query: BM25. The only module that knows bm25s."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import bm25s
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from index.errors import DamagedGeneration
from index.spelling import Lexicon
from index.terms import passage_tokens, spelt, term, tokens

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
        return cls.build_from_tokens(map(passage_tokens, texts))

    @classmethod
    def build_from_tokens(cls, texts: Iterable[Sequence[str]]) -> WordIndex:
        """Index texts that `index.terms.passage_tokens` has cut; row numbers are their order."""
        spellings: dict[str, int] = {}
        columns: dict[str, int] = {}
        rows: list[list[int]] = []
        for text in texts:
            for token in text:
                if token not in spellings:
                    spellings[token] = columns.setdefault(term(token), len(columns))
            rows.append([spellings[token] for token in text])
        logging.getLogger("bm25s").setLevel(logging.WARNING)  # it says every step at its own level otherwise
        model = bm25s.BM25(method="lucene", k1=_K1, b=_B)
        # a row without a token needs a column too, which no query asks for
        columns.setdefault("", len(columns))
        model.index((([row or [columns[""]] for row in rows]), columns), show_progress=False)
        return cls(model, spellings)

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
