"""HTML tables -> pipe tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from bs4 import Tag

from ingest.readers.tables import pipe_table

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_WIDEST_SPAN = 50  # a page may claim a cell of a billion columns


def table_text(tag: Tag, text_of: Callable[[Tag], str]) -> str | None:
    """A table as a pipe table; None where it only lays out the page, or its cells do not hold all of its text."""
    if tag.find("table") or tag.get("role") in ("presentation", "none"):
        return None  # it lays out the page
    rows = [row for row in tag.find_all("tr") if row.find_parent("table") is tag]
    cells = [row.find_all(["td", "th"], recursive=False) for row in rows]
    caption = tag.find("caption")
    holders = [cell for row in cells for cell in row] + ([caption] if caption else [])
    if _is_layout(tag, cells) or sum(map(_weight, holders)) != _weight(tag):
        return None
    table = pipe_table(_grid(cells, text_of), header=_has_header(cells))
    return "\n\n".join(filter(None, (" ".join(text_of(caption).split()) if caption else "", table)))


def _weight(tag: Tag) -> int:
    return len("".join(tag.get_text().split()))


def _is_layout(tag: Tag, cells: Sequence[Sequence[Tag]]) -> bool:
    if len(cells) == 1 and any(cell.find(["p", "div", "ul", "ol"]) for cell in cells[0]):
        return True
    headed = [(cell, heading) for row in cells for cell in row if (heading := cell.find(_HEADINGS))]
    return any(_weight(heading) < _weight(cell) and cell.name == "td" for cell, heading in headed)


def _has_header(cells: Sequence[Sequence[Tag]]) -> bool:
    filled = [cell for cell in (cells[0] if cells else []) if cell.get_text(strip=True)]
    if all(cell.name == "th" for cell in filled) or (filled and filled[0].find_parent("thead")):
        return True
    return not any(cell.name == "th" for row in cells for cell in row)


def _grid(cells: Sequence[Sequence[Tag]], text_of: Callable[[Tag], str]) -> list[list[str]]:
    """Cell texts in their columns; a merged cell has its text once, and blanks where it reaches over."""
    grid: list[list[str]] = []
    reaching: dict[int, int] = {}  # column -> rows that a cell from above still covers
    for row in cells:
        line: list[str] = []
        next_reaching = {column: left - 1 for column, left in reaching.items() if left > 1}
        for cell in row:
            while len(line) in reaching:
                line.append("")
            start, width = len(line), _span(cell, "colspan")
            line += [_cell_text(cell, text_of), *[""] * (width - 1)]
            if (height := _span(cell, "rowspan")) > 1:
                next_reaching |= dict.fromkeys(range(start, start + width), height - 1)
        grid.append(line)
        reaching = next_reaching
    return grid


def _span(cell: Tag, attribute: str) -> int:
    value = str(cell.get(attribute, "1")).strip()
    return min(max(int(value), 1), _WIDEST_SPAN) if value.isdecimal() and len(value) < 9 else 1


def _cell_text(cell: Tag, text_of: Callable[[Tag], str]) -> str:
    lines = [re.sub(r"^\s*(?:- |\d+\. )", "", line) for line in text_of(cell).split("\n")]
    return ("; " if cell.find("li") else " ").join(filter(None, lines))
