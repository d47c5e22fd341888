"""Passages that say the same as a better one, taken out of a result and listed with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from index.passages import Hit, Passage
from index.terms import numbers, spelt

_RUN = 3  # words in a row that are compared as one
_ALIKE = 0.8  # share of common runs from which two passages say the same

_Runs = frozenset[tuple[str, ...]]


def distinct(hits: Iterable[Hit], k: int) -> list[Hit]:
    """The first `k` hits that do not repeat an earlier one; those that do are its `duplicates`.

    Two passages repeat each other when four fifths of their runs of three words are the same (Broder, 1997) and all
    of their numbers: tariffs are often told in one sentence that differs by its price alone. `hits` come best first,
    and no more of them are read than are needed.
    """
    kept: list[Hit] = []
    runs: list[_Runs] = []
    by_numbers: dict[frozenset[str], list[int]] = {}
    for hit in hits:
        mine = _runs(hit.passage)
        alike = by_numbers.setdefault(numbers(hit.passage.indexed_text), [])
        first = next((i for i in alike if _share(runs[i], mine) >= _ALIKE), None)
        if first is not None:
            kept[first] = replace(kept[first], duplicates=(*kept[first].duplicates, hit.passage))
        elif len(kept) < k:
            alike.append(len(kept))
            kept.append(hit)
            runs.append(mine)
        if len(kept) == k:
            break
    return kept


def _runs(passage: Passage) -> _Runs:
    words = spelt(passage.text)
    return frozenset(_windows(words)) or frozenset([tuple(words)])


def _windows(words: list[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(_RUN)), strict=False)


def _share(left: _Runs, right: _Runs) -> float:
    return len(left & right) / len(left | right)
