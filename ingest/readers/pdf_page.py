"""One page of a PDF -> pieces of text with their places, and its ruled tables as Markdown."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import filterfalse, pairwise
from re import Match

from pdfplumber.page import Page
from pdfplumber.table import Table
from pdfplumber.utils.text import extract_words

from ingest.readers.pdf_segment import Segment
from ingest.readers.pdf_turned import Glyph, is_level, turned_segments
from ingest.readers.tables import pipe_table

_MOST_SHAPES = 2000  # a drawing; looking for a grid among more takes minutes
_LONGEST_CELL = 400  # characters on average; boxes around paragraphs are no table
_BOLD = re.compile(r"bold|black|heavy|demi|-(?:bd|hv|blk)", re.IGNORECASE)
_UNSEEN = frozenset("\x00\u200b\u200e\u200f\u2060\ufeff")
_LEADER = re.compile(r"(?:[.…_]\s?){5,}")
_SPACED_OUT = re.compile(r"(?<!\S)(?:[^\W\d_] ){3,}[^\W\d_](?!\S)")
_UNMAPPED = re.compile(r"\(cid:\d+\)")
_SEGMENT_GAP = 1.2  # in font sizes: wider than any space between words, narrower than most gutters


def segments_of(page: Page) -> list[Segment]:
    """The text of a page in pieces, in no reading order yet; words inside a ruled table come as that table."""
    tables = _tables(page)
    seen = [char for char in page.chars if char["text"] not in _UNSEEN]
    chars = [char for char in _once(seen) if not any(_inside(char, table.bbox) for table, _ in tables)]
    pieces = [piece for line in _lines(_words(filter(is_level, chars))) for piece in _pieces(line)]
    segments = [_segment(piece) for piece in pieces]
    turned = turned_segments(filterfalse(is_level, chars))
    return [
        *segments,
        *_drawn_bullets(page, segments),
        *turned,
        *(_table_segment(table, text) for table, text in tables),
    ]


def _once(chars: Iterable[Glyph]) -> Iterator[Glyph]:
    """Characters without those printed twice a hair apart, which makes bold; pdfplumber's own way takes too long."""
    places: set[tuple[str, int, int]] = set()
    for char in chars:
        x, y = round(char["x0"]), round(char["top"])
        if not any((char["text"], x + right, y + down) in places for right in (-1, 0, 1) for down in (-1, 0, 1)):
            places.add((char["text"], x, y))
            yield char


def _drawn_bullets(page: Page, segments: Sequence[Segment]) -> list[Segment]:
    """Bullets that are no characters but small shapes before a line, as browsers print them."""
    bullets: dict[Segment, Segment] = {}
    for shape in _small_squares(page):
        middle = (shape["top"] + shape["bottom"]) / 2
        for segment in segments:
            beside = 0 < segment.x0 - shape["x1"] < 2.5 * segment.size and shape["width"] < 0.8 * segment.size
            if beside and segment.top < middle < segment.bottom and not segment.is_marker:
                bullets[segment] = replace(segment, text="•", x0=shape["x0"], x1=shape["x1"])
    # one alone is a dot on a map or a part of a logo
    places = Counter(round(bullet.x0) for bullet in bullets.values())
    return [bullet for bullet in bullets.values() if places[round(bullet.x0)] > 1 and not _has_marker(bullet, segments)]


def _has_marker(bullet: Segment, segments: Sequence[Segment]) -> bool:
    return any(other.is_marker and other.top == bullet.top and abs(other.x0 - bullet.x0) < 36 for other in segments)


def _small_squares(page: Page) -> list[Glyph]:
    if _count_shapes(page) > _MOST_SHAPES:
        return []
    shapes = (shape for shape in (*page.curves, *page.rects) if 1 < shape["width"] < 12)
    return [shape for shape in shapes if 0.7 < shape["width"] / (shape["height"] or 1) < 1.4]


def _count_shapes(page: Page) -> int:
    return len(page.lines) + len(page.rects) + len(page.curves)


def _words(chars: Iterable[Glyph]) -> list[Glyph]:
    """Words, found for each font size by itself: pages do have text of one size lying over that of another."""
    by_size: dict[float, list[Glyph]] = defaultdict(list)
    for char in chars:
        by_size[_half_points(char["size"])].append(char)
    words: list[Glyph] = []
    for group in by_size.values():
        spaces = sum(char["text"].isspace() for char in group)
        # where spaces are written out, a gap within a word is only a letter placed by hand
        ratio = 0.3 if spaces > 0.08 * len(group) else 0.15
        words += extract_words(group, x_tolerance_ratio=ratio, return_chars=True)
    return words


def _tables(page: Page) -> list[tuple[Table, str]]:
    if _count_shapes(page) > _MOST_SHAPES:
        return []
    upright = page.filter(lambda thing: thing["object_type"] != "char" or is_level(thing))
    found = [(table, _table_text(table)) for table in upright.find_tables()]
    return [(table, text) for table, text in found if text]


def _table_text(table: Table) -> str:
    """The table as Markdown; nothing for a frame or a box that is no table."""
    rows = [[_UNMAPPED.sub("", cell or "") for cell in row] for row in table.extract()]
    filled = [cell for row in rows for cell in row if cell.strip()]
    rows_across = sum(sum(bool(cell.strip()) for cell in row) >= 2 for row in rows)
    length = sum(map(len, filled))
    if (
        rows_across < 2
        or length > _LONGEST_CELL * len(filled)
        or max(map(len, filled)) > max(_LONGEST_CELL, length / 2)
    ):
        return ""
    return pipe_table([[re.sub(r"(?<=[a-z])-\n(?=[a-z])", "", cell) for cell in row] for row in rows])


def _table_segment(table: Table, text: str) -> Segment:
    x0, top, x1, bottom = table.bbox
    return Segment(text, x0, x1, top, bottom, ready=True)


def _inside(word: Glyph, box: tuple[float, float, float, float]) -> bool:
    x, y = (word["x0"] + word["x1"]) / 2, (word["top"] + word["bottom"]) / 2
    return bool(box[0] <= x <= box[2] and box[1] <= y <= box[3])


def _lines(words: Iterable[Glyph]) -> list[list[Glyph]]:
    """Words that overlap by half their height, so that a raised footnote mark stays on its line."""
    lines: list[list[Glyph]] = []
    for word in sorted(words, key=lambda word: (word["top"], word["x0"])):
        line = next((line for line in reversed(lines[-8:]) if _same_height(line, word)), None)
        if line is None:
            lines.append([word])
        else:
            line.append(word)
    return [sorted(line, key=lambda word: word["x0"]) for line in lines]


def _same_height(line: Sequence[Glyph], word: Glyph) -> bool:
    # the neighbour decides: a large word further off may reach over two lines
    near = min(line, key=lambda other: max(other["x0"] - word["x1"], word["x0"] - other["x1"]))
    shared = min(near["bottom"], word["bottom"]) - max(near["top"], word["top"])
    if min(near["x1"], word["x1"]) - max(near["x0"], word["x0"]) > 0.3 * (word["x1"] - word["x0"]):
        return False  # it lies over it
    return bool(shared >= 0.5 * min(near["bottom"] - near["top"], word["bottom"] - word["top"]))


def _pieces(line: Sequence[Glyph]) -> list[list[Glyph]]:
    """A line cut where the gap is wider than between words."""
    pieces = [[line[0]]]
    for before, word in pairwise(line):
        size = max(_size(before["chars"]), _size(word["chars"]))
        if word["x0"] - before["x1"] > _SEGMENT_GAP * size:
            pieces.append([word])
        else:
            pieces[-1].append(word)
    return pieces


def _segment(words: Sequence[Glyph]) -> Segment:
    text = _text(words[0])
    for before, word in pairwise(words):
        # pdfplumber parts words also where they change height; then the gap tells whether there is a space
        touching = word["x0"] - before["x1"] < 0.12 * _size(before["chars"])
        text += ("" if touching and before["top"] != word["top"] else " ") + _text(word)
    chars = [char for word in words for char in word["chars"]]
    letters = [char for char in chars if char["text"].isalnum()]
    bold = bool(letters) and sum(bool(_BOLD.search(char["fontname"])) for char in letters) >= 0.9 * len(letters)
    top, bottom = min(word["top"] for word in words), max(word["bottom"] for word in words)
    text = " ".join(_LEADER.sub(" … ", _SPACED_OUT.sub(_closed_up, text)).split())
    return Segment(text, words[0]["x0"], words[-1]["x1"], top, bottom, _size(chars), bold)


def _text(word: Glyph) -> str:
    # some programs write every hyphen as a soft one
    text = _UNMAPPED.sub("", word["text"]).replace("\u00ad", "-")
    if len(word["chars"]) == 1 and not text:
        return "•"  # one sign of an unmapped font, by itself: a bullet or an icon
    # the second-level bullet of Word's lists is a letter in a typewriter font
    return "•" if text == "o" and "courier" in word["chars"][0]["fontname"].lower() else text


def _closed_up(match: Match[str]) -> str:
    return match[0].replace(" ", "")


def _size(chars: Sequence[Glyph]) -> float:
    """The size that most characters have, in half points."""
    return Counter(_half_points(char["size"]) for char in chars).most_common(1)[0][0]


def _half_points(size: float) -> float:
    return round(size * 2) / 2
