"""Which rows of a generation a filter admits: decided once per document, then spread over the rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

from index.scope import Filter, Scope

Mask = npt.NDArray[np.bool_]
_KEPT = 64  # masks; one of a million rows is a megabyte


class Admission:
    """The scopes of a generation's documents, and the document of every row; safe to ask from several threads."""

    def __init__(self, scopes: Sequence[Scope | None], document_of_row: Sequence[int] | npt.NDArray[np.int64]) -> None:
        """None is the scope of a document whose metadata cannot be understood: it is never admitted.

        `document_of_row` holds positions in `scopes`; -1 is a row without a document, which is never admitted either.
        """
        self._scopes = scopes
        self._document_of_row = np.asarray(document_of_row, dtype=np.int32)
        self._masks: dict[tuple[Filter, date], Mask] = {}

    def rows(self, wanted: Filter, today: date) -> Mask:
        """The rows that may be found, a read-only mask of shape (n,)."""
        key = (wanted, wanted.day or today)
        known = self._masks
        if key not in known:
            # the last entry is what -1 points to
            documents = np.asarray([*(s is not None and wanted.admits(s, today) for s in self._scopes), False])
            mask = documents[self._document_of_row]
            mask.setflags(write=False)
            # never changed while it is read: concurrent searches at worst make a mask twice
            known = self._masks = {**(known if len(known) < _KEPT else {}), key: mask}
        return known[key]
