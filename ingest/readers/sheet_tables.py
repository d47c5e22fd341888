"""The cells of one sheet -> its tables, apart from one another and from the notes around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ingest.readers.outline import Block, Heading, Part
from ingest.readers.tables import pipe_table

_LONGEST_CAPTION = 100
_SENTENCE_ENDS = (".", "。", ":", "：", "*", ")", "!")
_MOST_HEADER_ROWS = 4
_MOST_FILLED = 10_000  # cells that one merged range may be written into


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell shows; `is_text` tells words from numbers and dates."""

    text: str
    is_text: bool = True
    is_bold: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """A merged range; rows and columns count from 1, both ends belong to it."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """The filled cells of a sheet by row and column, and its merged ranges."""

    cells: Mapping[tuple[int, int], Cell]
    merges: Sequence[Merge] = ()


@dataclass(frozen=True, slots=True)
class _Table:
    """A block of cells: `rows` are numbers of sheet rows, `left` and `right` its outermost columns."""

    rows: tuple[int, ...]
    left: int
    right: int

    @property
    def columns(self) -> range:
        return range(self.left, self.right + 1)


def parts_of(sheet: Sheet) -> Iterator[Part]:
    """Captions as headings, notes as paragraphs, tables as pipe tables of one header row, in reading order.

    Empty rows and columns part tables; rows below a gap that have no header of their own go on with the one above.
    A cell merged over several rows is repeated in each, so that every row can be read alone.
    """
    filled = replace(sheet, cells=_spread(sheet))
    header: list[str] = []
    of: tuple[int, int] | None = None
    for table in _tables(filled):
        lead = _lead(filled, table)
        yield from _captions(
            [" ".join(filter(None, _texts(filled, table, row))) for row in lead], lead == [*table.rows]
        )
        body = tuple(row for row in table.rows if row not in lead)
        if not body:
            continue
        rest = replace(table, rows=body)
        if lead or of != (table.left, table.right) or _is_header(filled, table, body[0]):
            count = _header_height(filled, rest)
            header, rest = _header(filled, rest, count), replace(rest, rows=body[count:])
            of = (table.left, table.right)
        yield from _written(filled, rest, header)


def _spread(sheet: Sheet) -> dict[tuple[int, int], Cell]:
    """The cells, with what is merged over several rows repeated in the first column of each."""
    cells = dict(sheet.cells)
    for merge in sheet.merges:
        cell = sheet.cells.get((merge.top, merge.left))
        if cell and merge.bottom - merge.top < _MOST_FILLED:
            cells.update({(row, merge.left): cell for row in range(merge.top, merge.bottom + 1)})
    return cells


def _tables(sheet: Sheet) -> Iterator[_Table]:
    """Runs of rows, cut at empty rows, and then of columns, cut at empty columns."""
    spans = [(merge.top, merge.left, merge.right) for merge in sheet.merges if merge.right > merge.left]
    by_row: dict[int, set[int]] = {}
    for row, column in sheet.cells:
        by_row.setdefault(row, set()).add(column)
    for rows in _runs(sorted(by_row)):
        used = {column for row in rows for column in by_row[row]}
        used |= {c for top, left, right in spans if top in rows and left in used for c in range(left, right + 1)}
        for columns in _runs(sorted(used)):
            inside = tuple(row for row in rows if not by_row[row].isdisjoint(columns))
            yield _Table(inside, columns[0], columns[-1])


def _runs(numbers: Sequence[int]) -> Iterator[range]:
    """Ranges of numbers without a gap."""
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        yield range(members[0], members[-1] + 1)


def _texts(sheet: Sheet, table: _Table, row: int) -> list[str]:
    return [cell.text if (cell := sheet.cells.get((row, column))) else "" for column in table.columns]


def _lead(sheet: Sheet, table: _Table) -> list[int]:
    """The rows above a table, or all of a block that is no table, that hold one cell: captions and notes."""
    lead: list[int] = []
    for row in table.rows:
        if sum(map(bool, _texts(sheet, table, row))) != 1:
            return lead
        lead.append(row)
    return lead


def _captions(texts: Sequence[str], is_alone: bool) -> Iterator[Part]:
    """The first line above a table heads it; several lines with no table below them are a text."""
    for number, text in enumerate(texts):
        is_note = number > 0 or len(text) > _LONGEST_CAPTION or text.endswith(_SENTENCE_ENDS) or text[0] in "*†¹"
        yield Block(text) if is_note or (is_alone and len(texts) > 1) else Heading(3, text)


def _is_header(sheet: Sheet, table: _Table, row: int) -> bool:
    """Whether a row names columns: words only, above numbers, or in bold above what is not."""
    cells = [cell for column in table.columns if (cell := sheet.cells.get((row, column)))]
    below = [cell for c in table.columns for r in table.rows if r > row and (cell := sheet.cells.get((r, c)))]
    if not all(cell.is_text for cell in cells):
        return False
    in_bold = all(cell.is_bold for cell in cells) and not all(cell.is_bold for cell in below)
    return in_bold or not all(cell.is_text for cell in below)


def _header_height(sheet: Sheet, table: _Table) -> int:
    """How many rows the header takes: a cell merged over columns has its parts named below it."""
    last = 0
    rows = table.rows[: min(_MOST_HEADER_ROWS, len(table.rows) - 1)]
    for index, row in enumerate(rows):
        tops = [m for m in sheet.merges if m.top <= row <= m.bottom and table.left <= m.left <= table.right]
        if index > last:
            break
        if any(m.right > m.left for m in tops) or any(m.bottom > row for m in tops if m.top == table.rows[0]):
            last = index + 1
    return max(1, min(last + 1, len(table.rows) - 1))


def _header(sheet: Sheet, table: _Table, count: int) -> list[str]:
    """One name a column: what stands above it in all header rows, each once."""
    rows = [_across(sheet, table, row) for row in table.rows[:count]]
    return [" ".join(dict.fromkeys(filter(None, column))) for column in zip(*rows, strict=True)]


def _across(sheet: Sheet, table: _Table, row: int) -> list[str]:
    """The texts of a row, those merged over columns repeated in each."""
    texts = _texts(sheet, table, row)
    for merge in sheet.merges:
        if merge.top <= row <= merge.bottom and table.left <= merge.left <= table.right:
            text = texts[merge.left - table.left]
            for column in range(merge.left, min(merge.right, table.right) + 1):
                texts[column - table.left] = text
    return texts


def _written(sheet: Sheet, table: _Table, header: Sequence[str]) -> Iterator[Part]:
    """The rows under their header; one that is a single cell merged over the table heads those below it."""
    banners = {
        m.top for m in sheet.merges if m.top == m.bottom and m.left == table.left and m.right >= table.right > m.left
    }
    rows: list[list[str]] = []
    for row in table.rows:
        if row in banners:
            if rows:
                yield Block(pipe_table([header, *rows]))
            rows = []
            yield Heading(4, sheet.cells[row, table.left].text)
        else:
            rows.append(_texts(sheet, table, row))
    if rows or not table.rows:
        yield Block(pipe_table([header, *rows]))
