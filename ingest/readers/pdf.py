"""PDF files -> sections by heading and page."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Iterator

import pdfplumber
from pdfplumber.page import Page

from ingest.errors import Unreadable
from ingest.readers import pdf_plain
from ingest.readers.outline import assemble, one_line
from ingest.readers.pdf_flow import parts_of, title_of
from ingest.readers.pdf_order import Row, columns_of
from ingest.readers.pdf_page import segments_of
from ingest.readers.pdf_running import PageText, without_contents, without_running_lines
from ingest.readers.pdf_segment import Segment
from ingest.readers.pdf_style import Style
from ingest.readers.reading import Reading
from ingest.readers.titles import sensible_title

log = logging.getLogger(__name__)


def read(data: bytes) -> Reading:
    """Read a PDF: headings by size and weight, paragraphs joined from lines, ruled tables; pages 1-based.

    A section that runs over a page's end becomes one section a page, so that what is cited from it names its page.
    Raises Unreadable for a file that is damaged, encrypted with a password, or has no text layer.
    """
    survey = pdf_plain.survey(data)
    pages = without_running_lines(list(_pages(data, survey)))
    columns = [columns_of(without_contents(page, len(pages)).segments) for page in pages]
    if not any(columns):
        raise Unreadable("no text layer: the pages are images or outlines; run OCR over it first")
    style = Style.of([rows for page in columns for rows in page])
    parts = [part for page, rows in zip(pages, columns, strict=True) for part in parts_of(rows, page.number, style)]
    metadata = {"subject": survey.subject, "keywords": survey.keywords}
    return assemble(parts, _title(survey, columns[0], style), metadata)


def _title(survey: pdf_plain.Survey, first_page: list[list[Row]], style: Style) -> str:
    """The title in the properties when the first page shows it, else that page's largest text, else the former."""
    title = sensible_title(survey.title)
    shown = one_line(" ".join(segment.text for rows in first_page for row in rows for segment in row))
    if title and title.casefold() in shown.casefold():
        return title
    return title_of(first_page, style) or title


def _pages(data: bytes, survey: pdf_plain.Survey) -> Iterator[PageText]:
    # pdfminer warns of every oddity of a font; there is nothing that a reader of the log could do
    logging.getLogger("pdfminer").setLevel(logging.ERROR)
    layout = _Layout(data)
    for number, shapes in enumerate(survey.shapes, 1):
        page = layout.page(number) if shapes <= pdf_plain.MOST_SHAPES else None
        yield page or _bare_page(data, number)


class _Layout:
    """pdfplumber's view of a file; None for the pages that it cannot read."""

    def __init__(self, data: bytes) -> None:
        self._pages: list[Page] = []
        # pdfminer lets through whatever its parsers stumble over; PDFium, more lenient, then gives the bare text
        try:
            self._pages = pdfplumber.open(io.BytesIO(data)).pages
        except Exception as exc:
            log.warning("no layout for this file, reading bare text: %s", type(exc).__name__)

    def page(self, number: int) -> PageText | None:
        try:
            page = self._pages[number - 1]
            segments = tuple(segment for segment in segments_of(page) if segment.text and _is_placed(segment))
            page.close()
            return PageText(number, float(page.height), segments)
        except Exception as exc:
            log.warning("no layout for page %d, reading its bare text: %s", number, type(exc).__name__)
            return None


def _is_placed(segment: Segment) -> bool:
    """Whether a segment is somewhere at all; the numbers of damaged files may be beyond all bounds."""
    return math.isfinite(segment.x0 + segment.x1 + segment.top + segment.bottom)


def _bare_page(data: bytes, number: int) -> PageText:
    text = pdf_plain.plain_text(data, number).strip()
    segments = (Segment(text, 0, 1, 0, 1, ready=True),) if text else ()
    return PageText(number, 1, segments)
