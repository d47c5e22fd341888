"""The rows of a PDF -> headings, paragraphs, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.readers.outline import Block, Heading, Part, one_line
from ingest.readers.pdf_order import Row
from ingest.readers.pdf_segment import Segment, as_bullet, starts_item
from ingest.readers.pdf_style import Style
from ingest.readers.tables import pipe_table

_ENDS_SENTENCE = re.compile(r"[.!?;:。\uff01\uff1f\uff1b\uff1a][\"'”\u2019)\]]*$")
_DOTS_TO_VALUE = re.compile(r"…\s*\S{1,12}$")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LINE_END_HYPHEN = re.compile(r"(?P<first>[^\W\d_]+)[-\u2010]$")
# words that are hyphenated to what follows, and not split: "high-\nspeed"
_KEPT_BEFORE = {"self", "non", "high", "low", "long", "short", "full", "half", "well", "cross", "open", "real", "wi"}


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Rows that belong together, in the style of the first; `right` is where their column ends."""

    rows: tuple[Row, ...]
    right: float

    @property
    def first(self) -> Segment:
        """What tells the style: the first segment, or the text behind a bullet."""
        row = self.rows[0]
        return row[1] if len(row) > 1 and row[0].is_marker else row[0]


def parts_of(columns: Iterable[Sequence[Row]], page: int, style: Style) -> Iterator[Part]:
    """The headings and blocks of one page."""
    paragraphs = [paragraph for rows in columns for paragraph in _paragraphs(rows, style)]
    pending = ""
    for paragraph in paragraphs:
        text, is_prose = _written(paragraph, style)
        level = style.heading_level(paragraph.first, text) if is_prose else 0
        if pending and is_prose and not level and _continues(pending, text):
            pending = _join(pending, text, style)
            continue
        if pending:
            yield Block(pending, page)
        pending = ""
        if level:
            yield Heading(level, text, page)
        elif is_prose and not starts_item(text):
            pending = text
        else:
            yield Block(as_bullet(text), page)
    if pending:
        yield Block(pending, page)


def title_of(columns: Iterable[Sequence[Row]], style: Style) -> str:
    """The largest text of the first page, when it is larger than the body and short."""
    candidates = [
        (paragraph.first.size, one_line(text))
        for rows in columns
        for paragraph in _paragraphs(rows, style)
        for text, is_prose in [_written(paragraph, style)]
        if is_prose and paragraph.first.size > style.heading_size and style.heading_level(paragraph.first, text)
    ]
    return max(candidates, key=lambda candidate: candidate[0], default=(0.0, ""))[1]


def _paragraphs(rows: Sequence[Row], style: Style) -> Iterator[Paragraph]:
    right = max((segment.x1 for row in rows for segment in row), default=0.0)
    current: list[Row] = []
    for row in _tabled(rows):
        if current and not _belongs(current, row, right, style):
            yield Paragraph(tuple(current), right)
            current = []
        current.append(row)
    if current:
        yield Paragraph(tuple(current), right)


def _belongs(paragraph: Sequence[Row], row: Row, right: float, style: Style) -> bool:
    """Whether a row goes on with a paragraph: its style, a usual gap, no new item, no indent after a full stop."""
    first, before, start = paragraph[0][0], paragraph[-1][0], row[0]
    if first.ready or start.ready or _is_across(row) or _is_across(paragraph[-1]):
        return False
    lead = paragraph[0][1] if first.is_marker and len(paragraph[0]) > 1 else first
    if abs(start.size - lead.size) > 0.06 * lead.size:
        return False
    if start.bold != paragraph[-1][-1].bold and lead.size <= style.heading_size:
        return False
    gap = (start.top - before.bottom) / max(start.size, 1.0)
    if not -1.2 < gap <= style.gap + 0.35 or starts_item(_line(row)):
        return False
    if _DOTS_TO_VALUE.search(_line(paragraph[-1])):
        return False
    ended = bool(_ENDS_SENTENCE.search(_line(paragraph[-1])))
    if starts_item(_line(paragraph[0])):
        # back at the bullet's place after a line that had room left: the list is over
        return start.x0 > first.x0 + 0.3 * start.size or paragraph[-1][-1].x1 > right - 6 * start.size
    indented = start.x0 > before.x0 + 0.8 * start.size
    return not (ended and (indented or paragraph[-1][-1].x1 < right - 0.35 * (right - first.x0)))


def _is_across(row: Row) -> bool:
    """Whether a row has several texts beside one another, as in a form or a table without rules."""
    return len(row) > 2 or (len(row) == 2 and not row[0].is_marker and row[1].x0 - row[0].x1 > 2.5 * row[0].size)


def _tabled(rows: Sequence[Row]) -> Iterator[Row]:
    """Rows, where three or more with the same columns become one pipe table: a table without rules."""
    start = 0
    while start < len(rows):
        end = start
        while end < len(rows) and _is_across(rows[end]) and _same_columns(rows[start], rows[end]):
            end += 1
        if end - start >= 3:
            yield [_as_table(rows[start:end])]
        else:
            end = max(end, start + 1)
            yield from rows[start:end]
        start = end


def _same_columns(one: Row, other: Row) -> bool:
    if len(one) != len(other) or any(segment.ready for segment in (*one, *other)):
        return False
    # words are flush left, numbers flush right, some are centred; the first column may be indented
    return all(
        min(abs(a.x0 - b.x0) / (4 if a is one[0] else 1), abs(a.x1 - b.x1), abs(a.x0 + a.x1 - b.x0 - b.x1)) < a.size
        for a, b in zip(one, other, strict=True)
    )


def _as_table(rows: Sequence[Row]) -> Segment:
    text = pipe_table([[segment.text for segment in row] for row in rows])
    first, last = rows[0][0], rows[-1][-1]
    return Segment(text, first.x0, last.x1, first.top, last.bottom, ready=True)


def _line(row: Row) -> str:
    """The text of a row; what stands far apart is kept apart."""
    text = row[0].text
    for before, segment in pairwise(row):
        wide = segment.x0 - before.x1 > 2.5 * before.size and not before.is_marker
        text += ("   " if wide else " ") + segment.text
    return text


def _written(paragraph: Paragraph, style: Style) -> tuple[str, bool]:
    """A paragraph's text, and whether it is prose (and not a table or a row of separate texts)."""
    if paragraph.rows[0][0].ready:
        return paragraph.rows[0][0].text, False
    text = _line(paragraph.rows[0])
    # what lies beside may have widened the column; three rows show how wide their text is set
    right = max(row[-1].x1 for row in paragraph.rows) if len(paragraph.rows) > 2 else paragraph.right
    is_item = starts_item(text)
    for before, row in pairwise(paragraph.rows):
        if not is_item and _broken_on_purpose(before, row, right):
            text += "\n" + _line(row)
        else:
            text = _join(text, _line(row), style)
    return text, not _is_across(paragraph.rows[0])


def _broken_on_purpose(before: Row, row: Row, right: float) -> bool:
    """Whether the next row's first word had room on the row before: an address, a verse, a signature."""
    first = row[0]
    width = (first.x1 - first.x0) * (len(first.text.split()[0]) + 1) / len(first.text)
    is_short = before[-1].x1 - before[0].x0 < 0.7 * (right - before[0].x0)
    return is_short and before[-1].x1 + width + 2 * first.size < right


def _continues(text: str, following: str) -> bool:
    """Whether a paragraph broke off at the foot of a column: no full stop, and the next begins small."""
    return not _ENDS_SENTENCE.search(text) and following[:1].islower() and len(text) > 40


def _join(text: str, line: str, style: Style) -> str:
    """A line put behind what goes before it; a word split at the line's end is made whole."""
    match, following = _LINE_END_HYPHEN.search(text), _WORD.match(line)
    if match and following:
        return (text if _keeps_hyphen(match["first"], following[0], style) else text[:-1]) + line
    return text + ("" if text[-1:] >= "\u2e80" and line[:1] >= "\u2e80" else " ") + line


def _keeps_hyphen(first: str, following: str, style: Style) -> bool:
    """Whether a hyphen at a line's end belongs to the word; the document's other words are the best witness."""
    if "-" in following or not following[0].islower():
        return True
    first, following, words = first.lower(), following.lower(), style.words
    if f"{first}-{following}" in words or first + following in words:
        return first + following not in words
    both_are_words = first in words and following in words and min(len(first), len(following)) > 2
    return both_are_words or (first in _KEPT_BEFORE and len(following) > 3) or not style.splits_words
