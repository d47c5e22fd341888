"""What guides through the pages and is no text: running headers and footers, page numbers, tables of contents."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import TypeAlias

from ingest.readers.pdf_segment import Segment

_MARGIN = 0.12  # of the page's height, at the top and at the bottom
_PAGE_NUMBER = re.compile(
    r"\W*(?:page|seite|página|p\.?|第)?\s*(?P<page>\d{1,4})\s*页?(?:\s*(?:/|of|von|de|共)\s*\d{1,4}\s*页?)?\W*", re.I
)
_CONTENTS_NAME = re.compile(r"(?:table of )?contents|inhalt(?:sverzeichnis)?|sommaire|índice|indice|目录|目錄", re.I)
_CONTENTS_LINE = re.compile(r"…\s*(?P<page>\d{1,4}|[ivxlc]{1,7})$")
_UNNUMBERED_PAGES = 20  # how far the printed numbers may run ahead of the file's, where it is one volume of several

_Key: TypeAlias = tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class PageText:
    """The pieces of text on one page; `height` in points, `number` 1-based."""

    number: int
    height: float
    segments: tuple[Segment, ...]


def without_running_lines(pages: Sequence[PageText]) -> list[PageText]:
    """Pages without the lines that repeat in the margins of most of them, numbers counting as equal."""
    seen = Counter(key for page in pages for key in {_key(segment, page) for segment in page.segments} if key)
    repeated = {key for key, count in seen.items() if _is_running(count, len(pages))}
    # beside the page's number stands what changes with the chapter
    numbered = {key[:2] for key in repeated if re.fullmatch(r"\W*#\W*", key[2])}
    return [
        replace(
            page,
            segments=tuple(
                segment
                for segment in page.segments
                if not _is_in(_key(segment, page), repeated, numbered) and not _is_page_number(segment, page)
            ),
        )
        for page in pages
    ]


def without_contents(page: PageText, pages: int) -> PageText:
    """A page without its table of contents: below that name, four or more lines leading by dots to rising numbers."""
    if not any(_CONTENTS_NAME.fullmatch(segment.text) for segment in page.segments):
        return page  # prices may rise as well
    entries = [(segment, match) for segment in page.segments if (match := _CONTENTS_LINE.search(segment.text))]
    ordered = sorted(entries, key=lambda entry: entry[0].top)
    numbers = [int(match["page"]) for _, match in ordered if match["page"].isdecimal()]
    if len(entries) < 4 or numbers != sorted(numbers) or max(numbers, default=0) > pages + _UNNUMBERED_PAGES:
        return page
    leading = {segment for segment, _ in entries}
    return replace(page, segments=tuple(segment for segment in page.segments if segment not in leading))


def _is_in(key: _Key | None, repeated: Set[_Key], numbered: Set[tuple[str, int]]) -> bool:
    return key is not None and (key in repeated or key[:2] in numbered)


def _is_running(count: int, pages: int) -> bool:
    # the first page is often without; left and right pages may differ
    return (count >= 2 and count >= 0.6 * pages) or (count >= 3 and count >= 0.4 * pages)


def _edge(segment: Segment, page: PageText) -> str:
    if segment.ready:
        return ""
    if segment.bottom <= _MARGIN * page.height:
        return "top"
    return "bottom" if segment.top >= (1 - _MARGIN) * page.height else ""


def _key(segment: Segment, page: PageText) -> _Key | None:
    """The edge, the height and the text, its numbers made equal; None for text that is in no margin."""
    edge = _edge(segment, page)
    # large numbered lines, as "Step 1" and "Step 2" on slides, are headings
    text = re.sub(r"\d+", "#", segment.text) if segment.size <= 12 else segment.text
    return (edge, round(segment.bottom / 2), text.casefold()) if edge else None


def _is_page_number(segment: Segment, page: PageText) -> bool:
    match = _PAGE_NUMBER.fullmatch(segment.text) if _edge(segment, page) else None
    return match is not None and int(match["page"]) == page.number
