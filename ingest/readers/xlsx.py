"""Spreadsheets (.xlsx): every visible sheet under its name, its tables with their headers."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator

import openpyxl
from openpyxl.utils import range_boundaries
from openpyxl.workbook import Workbook
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from ingest.errors import Unreadable
from ingest.readers.number_format import shown
from ingest.readers.office import check_package
from ingest.readers.outline import Heading, Part, assemble
from ingest.readers.reading import Reading
from ingest.readers.sheet_tables import Cell, Merge, Sheet, parts_of
from ingest.readers.titles import sensible_title

_NAMELESS = re.compile(r"(?:sheet|tabelle|feuil|hoja|foglio|blatt|工作表) ?\d*", re.IGNORECASE)
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})"')
_MOST_CELLS = 1_000_000
_PROPERTIES = ("subject", "keywords", "category", "language", "version")


def read(data: bytes) -> Reading:
    """Read a workbook: values as they are shown, formulas by the value that was last computed; hidden sheets are
    passed over.

    Raises Unreadable for a file that is no workbook, is damaged, encrypted, unpacks to more than 200 MB, or holds
    more than a million filled cells.
    """
    check_package(data, "an Excel workbook", ".xlsx", ".xls")
    # openpyxl trusts its input: damage shows as anything from KeyError to the XML parser's errors
    try:
        with warnings.catch_warnings(action="ignore"):  # of extensions that it leaves out: none holds text
            workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            parts = list(_parts(workbook))
    except Unreadable:
        raise
    except Exception as exc:
        raise Unreadable("damaged, or not an Excel workbook; open it in Excel and save it as .xlsx again") from exc
    properties = workbook.properties
    metadata = {name: str(getattr(properties, name) or "") for name in _PROPERTIES}
    return assemble(parts, sensible_title(properties.title or ""), metadata)


def _parts(workbook: Workbook) -> Iterator[Part]:
    sheets = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    cells = 0
    for worksheet in sheets:
        sheet = _sheet(worksheet, _MOST_CELLS - cells)
        cells += len(sheet.cells)
        if len(sheets) > 1 or not _NAMELESS.fullmatch(worksheet.title):
            yield Heading(2, worksheet.title)
        yield from parts_of(sheet)


def _sheet(worksheet: ReadOnlyWorksheet, room: int) -> Sheet:
    # the size that a sheet declares may be a million rows of nothing
    worksheet.reset_dimensions()
    cells: dict[tuple[int, int], Cell] = {}
    for row in worksheet.iter_rows():
        for cell in row:
            if cell.value is None or not (text := shown(cell.value, cell.number_format).strip()):
                continue
            if len(cells) == room:
                raise Unreadable(f"more than {_MOST_CELLS:,} filled cells; split it into several workbooks")
            cells[cell.row, cell.column] = Cell(
                text, is_text := isinstance(cell.value, str), is_text and bool(cell.font.b)
            )
    return Sheet(cells, _merges(worksheet))


def _merges(worksheet: ReadOnlyWorksheet) -> list[Merge]:
    """Merged ranges, which openpyxl does not give while it streams."""
    with worksheet._get_source() as source:
        found = _MERGED.findall(source.read())
    bounds = (range_boundaries(reference.decode()) for reference in found)
    return [Merge(top, left, bottom, right) for left, top, right, bottom in bounds]
