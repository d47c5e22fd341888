"""Text that runs at an angle: stamps, margin notes, tables laid on their side."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import hypot
from typing import Any, TypeAlias

from ingest.readers.pdf_segment import Segment

# pdfplumber describes words and characters by dictionaries; they do not go beyond the modules for a page
Glyph: TypeAlias = dict[str, Any]


def is_level(char: Glyph) -> bool:
    """Whether a character stands upright on a level line."""
    a, b = char["matrix"][:2]
    return bool(a > 0 and abs(b) <= 0.02 * a)


def turned_segments(chars: Iterable[Glyph]) -> list[Segment]:
    """Characters at an angle put together to lines, in the order in which they were written."""
    lines: list[list[Glyph]] = []
    for char in chars:
        if lines and _follows(lines[-1][-1], char):
            lines[-1].append(char)
        else:
            lines.append([char])
    return [_segment(line) for line in lines]


def _follows(before: Glyph, char: Glyph) -> bool:
    along, aside = _step(before, char)
    size = _advance_size(char)
    return before["matrix"][:4] == char["matrix"][:4] and abs(aside) < 0.3 * size and -0.5 * size < along < 6 * size


def _step(before: Glyph, char: Glyph) -> tuple[float, float]:
    """How far a character lies from the one before, along the line and across it."""
    a, b = before["matrix"][:2]
    length = hypot(a, b) or 1.0
    x, y = char["matrix"][4] - before["matrix"][4], char["matrix"][5] - before["matrix"][5]
    return (x * a + y * b) / length, (y * a - x * b) / length


def _advance_size(char: Glyph) -> float:
    # the box of a turned character is larger than the character
    return float(min(char["width"], char["height"])) or 1.0


def _segment(line: list[Glyph]) -> Segment:
    text = line[0]["text"]
    for before, char in pairwise(line):
        advance = before["adv"] * hypot(*before["matrix"][:2])
        gap = _step(before, char)[0] - advance
        text += (" " if gap > 0.15 * _advance_size(char) else "") + char["text"]
    box = (
        min(c["x0"] for c in line),
        max(c["x1"] for c in line),
        min(c["top"] for c in line),
        max(c["bottom"] for c in line),
    )
    return Segment(" ".join(text.split()), *box, ready=True, turned=True)
