"""PDFium's view of a PDF: whether it opens, what it is called, how much is drawn on a page, a page's bare text."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pypdfium2  # type: ignore[import-untyped]
from pypdfium2 import raw as pdfium

from ingest.errors import Unreadable

# PDFium keeps its state per process, and no two threads may be in it at once
_PDFIUM = threading.Lock()
_WRONG_PASSWORD = (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY)
_DAMAGED = "damaged, or not a PDF"
MOST_SHAPES = 400_000  # about ten seconds for pdfminer; a page with more is a drawing


@dataclass(frozen=True, slots=True)
class Survey:
    """A PDF at first sight: its properties, and for each page how many line segments are drawn on it."""

    title: str
    subject: str
    keywords: str
    shapes: tuple[int, ...]


def survey(data: bytes) -> Survey:
    """Open a PDF with the empty password; raises Unreadable where that fails."""
    with _opened(data) as document:
        properties = document.get_metadata_dict()
        shapes = tuple(_shapes(document, number) for number in range(len(document)))
        return Survey(properties["Title"], properties["Subject"], properties["Keywords"], shapes)


def plain_text(data: bytes, number: int) -> str:
    """The text of page `number` (1-based) as it comes, line by line; raises Unreadable where the page is damaged."""
    with _opened(data) as document:
        return str(document[number - 1].get_textpage().get_text_bounded())


@contextmanager
def _opened(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    with _PDFIUM:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as exc:
            encrypted = getattr(exc, "err_code", None) in _WRONG_PASSWORD
            raise Unreadable("encrypted; save it without a password" if encrypted else _DAMAGED) from exc
        try:
            yield document
        except pypdfium2.PdfiumError as exc:
            raise Unreadable("damaged: it opens, but some of its pages do not") from exc
        finally:
            document.close()


def _shapes(document: pypdfium2.PdfDocument, number: int) -> int:
    """How many path segments a page draws; counting stops where it is clear that there are too many."""
    total = 0
    with suppress(pypdfium2.PdfiumError):  # a damaged page shows when its text is read
        for shape in document[number].get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=4):
            total += max(int(pdfium.FPDFPath_CountSegments(shape)), 1)
            if total > MOST_SHAPES:
                break
    return total
