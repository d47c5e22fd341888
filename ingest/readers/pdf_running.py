"""Running headers and footers, and page numbers: lines that repeat at the same edge of most pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ingest.readers.pdf_segment import Segment

_MARGIN = 0.12  # of the page's height, at the top and at the bottom
_PAGE_NUMBER = re.compile(
    r"\W*(?:page|seite|página|p\.?|第)?\s*(?P<page>\d{1,4})\s*页?(?:\s*(?:/|of|von|de|共)\s*\d{1,4}\s*页?)?\W*", re.I
)


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
    return [
        replace(
            page,
            segments=tuple(
                segment
                for segment in page.segments
                if _key(segment, page) not in repeated and not _is_page_number(segment, page)
            ),
        )
        for page in pages
    ]


def _is_running(count: int, pages: int) -> bool:
    # the first page is often without; left and right pages may differ
    return (count >= 2 and count >= 0.6 * pages) or (count >= 3 and count >= 0.4 * pages)


def _edge(segment: Segment, page: PageText) -> str:
    if segment.ready:
        return ""
    if segment.bottom <= _MARGIN * page.height:
        return "top"
    return "bottom" if segment.top >= (1 - _MARGIN) * page.height else ""


def _key(segment: Segment, page: PageText) -> tuple[str, int, str] | None:
    """The edge, the height and the text, its numbers made equal; None for text that is in no margin."""
    edge = _edge(segment, page)
    # large numbered lines, as "Step 1" and "Step 2" on slides, are headings
    text = re.sub(r"\d+", "#", segment.text) if segment.size <= 12 else segment.text
    return (edge, round(segment.bottom / 2), text.casefold()) if edge else None


def _is_page_number(segment: Segment, page: PageText) -> bool:
    match = _PAGE_NUMBER.fullmatch(segment.text) if _edge(segment, page) else None
    return match is not None and int(match["page"]) == page.number
