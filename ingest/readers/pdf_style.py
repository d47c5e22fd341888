"""What is usual in a PDF's text, and so what stands out as a heading."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ingest.readers.pdf_order import Row
from ingest.readers.pdf_segment import Segment, as_bullet

_LARGER = 1.15  # times the body's size: a heading
_MOST_HEADING_WORDS = 20
_MOST_BOLD_WORDS = 14
_TWO_SENTENCES = re.compile(r"[a-z]{2}[.!?] [A-Z]")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Style:
    """What is usual in a document: the size of its text, the gap between its lines in sizes, its words.

    `headings` are the sizes of its headings, largest first; `splits_words` tells whether lines end amid words.
    """

    size: float
    gap: float
    bold: bool
    headings: tuple[float, ...]
    words: frozenset[str] = field(repr=False)
    splits_words: bool

    @property
    def heading_size(self) -> float:
        """Text larger than this is a heading."""
        return self.size * _LARGER

    @classmethod
    def of(cls, columns: Sequence[Sequence[Row]]) -> Style:
        """Measure the columns of all pages."""
        segments = [segment for rows in columns for row in rows for segment in row if not segment.ready]
        sizes: Counter[float] = Counter()
        for segment in segments:
            sizes[segment.size] += len(segment.text)
        size = sizes.most_common(1)[0][0] if sizes else 0.0
        body = [segment for segment in segments if segment.size == size]
        bold = sum(len(segment.text) for segment in body if segment.bold) > sum(map(len, (s.text for s in body))) / 2
        larger = {segment.size for segment in segments if segment.size > size * _LARGER}
        # without a line's first and last word, which may be halves of one
        words = frozenset(word.lower() for segment in segments for word in _WORD.findall(segment.text)[1:-1])
        # a few hyphens at line ends belong to their words; a program that splits words leaves many
        hyphens = sum(segment.text.endswith("-") for segment in segments)
        splits_words = len(segments) < 40 or hyphens > max(3, 0.01 * len(segments))
        return cls(size, _usual_gap(columns, size), bold, tuple(sorted(larger, reverse=True)), words, splits_words)

    def heading_level(self, segment: Segment, text: str) -> int:
        """The level of a paragraph in a segment's style as a heading; 0 when it is text."""
        words = len(text.split()) + sum(char >= "\u2e80" for char in text) / 3
        if not re.search(r"[^\W\d_]{2}|[\u2e80-\uffff]", text) or words > _MOST_HEADING_WORDS or _is_bullet(text):
            return 0
        if text[0] in '“"«„' or _TWO_SENTENCES.search(text):  # a quotation set large
            return 0
        if segment.size > self.heading_size:
            return 0 if words > 8 and text.endswith(".") else min(self.headings.index(segment.size) + 1, 6)
        bold = segment.bold and not self.bold and segment.size >= 0.95 * self.size
        return min(len(self.headings) + 1, 6) if bold and words <= _MOST_BOLD_WORDS and text[-1] not in ".,;" else 0


def _usual_gap(columns: Sequence[Sequence[Row]], size: float) -> float:
    """The gap between lines of a paragraph, in font sizes; a quarter when there is too little text to tell."""
    gaps = [
        round((below[0].top - above[0].bottom) / size, 1)
        for rows in columns
        for above, below in pairwise(rows)
        if size and above[0].size == below[0].size == size
    ]
    usual = [gap for gap in gaps if -0.3 <= gap <= 1.2]
    return min(Counter(usual).most_common(1)[0][0], median(usual)) if len(usual) >= 3 else 0.25


def _is_bullet(text: str) -> bool:
    """Whether a line is a bullet's; a number may as well be a heading's."""
    return as_bullet(text) != text
