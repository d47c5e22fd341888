"""Slides (.pptx): a section a slide, under its title, with its number as the page."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pptx
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.presentation import Presentation
from pptx.shapes.base import BaseShape
from pptx.shapes.graphfrm import GraphicFrame
from pptx.shapes.group import GroupShape
from pptx.slide import Slide
from pptx.table import Table
from pptx.text.text import TextFrame

from ingest.errors import Unreadable
from ingest.readers.office import check_package
from ingest.readers.outline import Block, Heading, Part, assemble, one_line
from ingest.readers.reading import Reading
from ingest.readers.tables import pipe_table
from ingest.readers.titles import sensible_title

_FURNITURE = {PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.HEADER, PP_PLACEHOLDER.SLIDE_NUMBER}
_PROPERTIES = ("subject", "keywords", "category", "language", "version")
_DEEPEST_GROUP = 20


def read(data: bytes) -> Reading:
    """Read a presentation: titles, text, tables and speaker notes; hidden slides are passed over.

    The title is that of the file's properties, or the first slide's. Raises Unreadable for a file that is no
    presentation, is damaged, encrypted, or unpacks to more than 200 MB.
    """
    check_package(data, "a PowerPoint presentation", ".pptx", ".ppt")
    # python-pptx trusts its input: damage shows as anything from KeyError to lxml's errors
    try:
        presentation = pptx.Presentation(io.BytesIO(data))
        parts = [part for number, slide in _slides(presentation) for part in _slide_parts(slide, number)]
        properties = presentation.core_properties
        title = sensible_title(properties.title) or next((p.text for p in parts if isinstance(p, Heading)), "")
        metadata = {name: str(getattr(properties, name)) for name in _PROPERTIES}
    except Exception as exc:
        raise Unreadable(
            "damaged, or not a PowerPoint presentation; open it in PowerPoint and save it as .pptx again"
        ) from exc
    return assemble(parts, title, metadata)


def _slides(presentation: Presentation) -> Iterator[tuple[int, Slide]]:
    for number, slide in enumerate(presentation.slides, 1):
        if slide.element.get("show") not in ("0", "false"):
            yield number, slide


def _slide_parts(slide: Slide, number: int) -> Iterator[Part]:
    title = slide.shapes.title
    if title is not None and (text := one_line(title.text_frame.text)):
        yield Heading(2, text, number)
    for shape in slide.shapes:
        if title is None or shape.shape_id != title.shape_id:
            yield from (Block(text, number) for text in _texts(shape, 0))
    if slide.has_notes_slide and (frame := slide.notes_slide.notes_text_frame) is not None:
        notes = _frame_text(frame)
        yield Block(f"Notes: {notes}" if notes else "", number)


def _texts(shape: BaseShape, depth: int) -> Iterator[str]:
    if isinstance(shape, GroupShape):
        if depth < _DEEPEST_GROUP:
            for inner in shape.shapes:
                yield from _texts(inner, depth + 1)
    elif isinstance(shape, GraphicFrame) and shape.has_table:
        yield pipe_table(_grid(shape.table))
    elif isinstance(shape, GraphicFrame) and shape.has_chart:
        yield _chart_table(shape)
    elif shape.has_text_frame and not (shape.is_placeholder and shape.placeholder_format.type in _FURNITURE):
        yield _frame_text(shape.text_frame)  # type: ignore[attr-defined]  # those that have one


def _grid(table: Table) -> list[list[str]]:
    """The texts of a table; a cell merged over rows is repeated in each, so that every row can be read alone."""
    grid = [[" ".join(cell.text_frame.text.split()) for cell in row.cells] for row in table.rows]
    for y, row in enumerate(table.rows):
        for x, cell in enumerate(row.cells):
            if cell.is_merge_origin:
                for below in range(y, min(y + cell.span_height, len(grid))):
                    grid[below][x] = grid[y][x]
    return grid


def _chart_table(frame: GraphicFrame) -> str:
    """What a chart shows, as the table behind it."""
    plot = next(iter(frame.chart.plots), None)
    if plot is None:
        return ""
    series = list(plot.series)
    rows = [["", *(one.name for one in series)]]
    for number, category in enumerate(plot.categories):
        values = [one.values[number] if number < len(one.values) else None for one in series]
        rows.append([str(category), *("" if value is None else f"{value:g}" for value in values)])
    return pipe_table(rows)


def _frame_text(frame: TextFrame) -> str:
    """Paragraphs; those below the first level, and runs of short ones, as the list that they are on the slide."""
    paragraphs = [(p.level, " ".join(p.text.replace("\v", "\n").split())) for p in frame.paragraphs]
    filled = [(level, text) for level, text in paragraphs if text]
    if len(filled) < 2:
        return "\n".join(text for _, text in filled)
    return "\n".join(f"{'  ' * level}- {text}" for level, text in filled)
