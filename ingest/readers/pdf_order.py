"""The order in which the pieces of a page are read: columns one after the other, table rows across."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from statistics import mean

from ingest.readers.pdf_segment import Segment

Row = list[Segment]
_LEAST_LINES = 3  # fewer lines beside one another are no column
_MOST_GUTTERS = 12  # tried; a page with more of them is a table
_LEAST_WORDS = 2.5  # a column of prose has more words a line; the cells of a table fewer


def columns_of(segments: Sequence[Segment]) -> list[list[Row]]:
    """Groups of rows in reading order; a row is the segments at one height of one group, from left to right.

    Text at an angle lies over the rest or beside it, and comes last.
    """
    turned = [[segment] for segment in segments if segment.turned]
    return _split(_rows([segment for segment in segments if not segment.turned])) + ([turned] if turned else [])


def _split(rows: list[Row]) -> list[list[Row]]:
    """Find the longest stretch with a gutter through it, and read what is above, its left, its right, what is below."""
    stretches = [found for x in _gutters(rows) if (found := _stretch(rows, x))]
    gutter = max(stretches, key=lambda found: found[0], default=None)
    if gutter is None:
        return [rows] if rows else []
    _, x, start, end = gutter
    inside = [segment for row in rows[start:end] for segment in row]
    left = _rows([segment for segment in inside if segment.x1 <= x])
    right = _rows([segment for segment in inside if segment.x1 > x])
    return [*_split(rows[:start]), *_split(left), *_split(right), *_split(rows[end:])]


def _rows(segments: Sequence[Segment]) -> list[Row]:
    rows: list[Row] = []
    for segment in sorted(segments, key=lambda segment: (segment.top, segment.x0)):
        if rows and _beside(_nearest(rows[-1], segment), segment):
            rows[-1].append(segment)
        else:
            rows.append([segment])
    return [sorted(row, key=lambda segment: segment.x0) for row in rows]


def _nearest(row: Row, segment: Segment) -> Segment:
    return min(row, key=lambda other: max(other.x0 - segment.x1, segment.x0 - other.x1))


def _beside(one: Segment, other: Segment) -> bool:
    if one.ready or other.ready:
        return False
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared >= 0.5 * min(one.bottom - one.top, other.bottom - other.top)


def _gutters(rows: Sequence[Row]) -> set[float]:
    """Places where a gutter may run: the middle of the widest gaps, and left of where several rows begin again."""
    gaps = [(before.x1, after.x0) for row in rows for before, after in pairwise(row) if not before.is_marker]
    widest = sorted(gaps, key=lambda gap: gap[0] - gap[1])[: 2 * _MOST_GUTTERS]
    starts = Counter(round(start) for _, start in gaps).most_common(_MOST_GUTTERS)
    return {(end + start) / 2 for end, start in widest} | {start - 1.5 for start, count in starts if count > 1}


def _stretch(rows: Sequence[Row], x: float) -> tuple[int, float, int, int] | None:
    """The best run of rows that no segment crosses at x with prose on both sides: (lines, x, start, end)."""
    best: tuple[int, float, int, int] | None = None
    start = 0
    for end in range(len(rows) + 1):
        crossed = end == len(rows) or any(segment.x0 < x < segment.x1 for segment in rows[end])
        if not crossed:
            continue
        lines = _column_lines(rows[start:end], x)
        if lines and (best is None or lines > best[0]):
            best = (lines, x, start, end)
        start = end + 1
    return best


def _column_lines(rows: Sequence[Row], x: float) -> int:
    """The lines of the shorter of two columns; 0 where the sides are no columns of prose beside one another."""
    left = [[segment for segment in row if segment.x1 <= x] for row in rows]
    right = [[segment for segment in row if segment.x1 > x] for row in rows]
    sides = [[row for row in side if row] for side in (left, right)]
    if min(map(len, sides)) < _LEAST_LINES or not _is_prose(sides):
        return 0
    tops = [side[0][0].top for side in sides]
    bottoms = [max(segment.bottom for segment in side[-1]) for side in sides]
    shorter = min(bottom - top for top, bottom in zip(tops, bottoms, strict=True))
    beside = min(bottoms) - max(tops)
    return min(map(len, sides)) if beside >= 0.5 * shorter else 0


def _is_prose(sides: Sequence[Sequence[Row]]) -> bool:
    """Whether both sides are running text, or one is and the other, a side bar, keeps to lines of its own."""
    words = sorted(map(_words_a_line, sides))
    if words[0] >= _LEAST_WORDS:
        return True
    few, many = sorted(sides, key=len)
    level = sum(any(abs(row[0].bottom - other[0].bottom) < 0.15 * row[0].size for other in many) for row in few)
    return words[1] >= 2 * _LEAST_WORDS and level < 0.4 * len(few)


def _words_a_line(side: Sequence[Row]) -> float:
    return mean(sum(9 if segment.ready else _words(segment.text) for segment in row) for row in side)


def _words(text: str) -> float:
    # Chinese is written without spaces; a word is about two characters
    return len(text.split()) + sum(char >= "\u2e80" for char in text) / 2
