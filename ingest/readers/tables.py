"""Rows of cells -> a Markdown pipe table: the one place where tables are written."""

from __future__ import annotations

from collections.abc import Sequence


def pipe_table(rows: Sequence[Sequence[str]], header: bool = True) -> str:
    """Write rows as a pipe table; without a `header` the first row of the table is left blank.

    Rows may differ in length. Empty rows and empty columns are left out; one column alone is no table, so its
    cells become paragraphs. Nothing but empty cells gives an empty string.
    """
    grid = _rectangle(rows)
    if not grid:
        return ""
    if len(grid[0]) == 1:
        return "\n\n".join(row[0].replace("\\|", "|") for row in grid)
    width = len(grid[0])
    lines = grid if header else [[""] * width, *grid]
    written = [f"| {' | '.join(row)} |" for row in lines]
    return "\n".join([written[0], f"|{' --- |' * width}", *written[1:]])


def _rectangle(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    width = max((len(row) for row in rows), default=0)
    grid = [[_cell(row[column]) if column < len(row) else "" for column in range(width)] for row in rows]
    used = [column for column in range(width) if any(row[column] for row in grid)]
    return [[row[column] for column in used] for row in grid if any(row)]


def _cell(text: str) -> str:
    # a bar that is already escaped stays as it is
    return " ".join(text.split()).replace("\\|", "|").replace("|", "\\|")
