"""Plain text: headings by the conventions that people type them in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ingest.readers.outline import Block, Heading, Part, assemble
from ingest.readers.reading import Reading
from ingest.readers.text_encoding import decode

_UNDERLINE = re.compile(r"\s*(?P<mark>=|-)(?P=mark){2,}\s*")
_NUMBERED = re.compile(r"\s*(?P<number>\d{1,2}(?=[.)])(?:\.\d{1,2}){0,3})[.)]?(?:\s+|(?=[\u4e00-\u9fff]))\S.*")
_CHINESE_DIGITS = "一二三四五六七八九十百零〇"
# chapter 2, section and article 3; an item in brackets 3; a label in thick brackets 2
_CHINESE_NUMBERED = (
    (re.compile(rf"\s*第[{_CHINESE_DIGITS}\d]{{1,5}}[章编篇部].*"), 2),
    (re.compile(rf"\s*第[{_CHINESE_DIGITS}\d]{{1,5}}[节条].*"), 3),
    (re.compile(rf"\s*[{_CHINESE_DIGITS}]{{1,3}}、.+"), 2),
    (re.compile(rf"\s*[（(][{_CHINESE_DIGITS}]{{1,3}}[）)].+"), 3),
    (re.compile(r"\s*【[^【】]{1,30}】\s*"), 2),
)
_COLUMNS = re.compile(r"\S(?: {3,}|\t)\S")
_LONGEST_HEADING = 80
_LONGEST_CHAPTER = 30
_LONGEST_CAPITALS = 60


def read(data: bytes) -> Reading:
    """Read a text file; lines keep their inner spaces, so that aligned columns stay aligned.

    Headings are lines underlined with = or -, and, alone between blank lines, short numbered lines or lines in
    capitals. The first line underlined with = is the title. Raises Unreadable for bytes that are no text.
    """
    lines = [line.rstrip() for line in decode(data).split("\n")]
    return assemble(_parts(lines))


def _parts(lines: Sequence[str]) -> Iterator[Part]:
    """Headings, and the runs of lines between them as blocks."""
    levels = _heading_levels(lines)
    run: list[str] = []
    for number, line in enumerate(lines):
        if number in levels:
            yield Block("\n".join(run))
            run = []
            yield Heading(levels[number], line)
        elif not _is_decoration(lines, number, levels):
            run.append(line)
    yield Block("\n".join(run))


def _heading_levels(lines: Sequence[str]) -> dict[int, int]:
    """Line number -> level of the heading on that line."""
    levels: dict[int, int] = {}
    for number in range(len(lines)):
        level = _underlined(lines, number) or _chapter_level(lines[number])
        if level := level or (_level_alone(lines[number]) if _is_alone(lines, number) else 0):
            levels[number] = level
    for number in _list_items(lines, levels):
        del levels[number]
    return levels


def _underlined(lines: Sequence[str], number: int) -> int:
    """1 under =, 2 under -, 0 for a line that is not underlined, or that is the first row of a table."""
    match = _UNDERLINE.fullmatch(lines[number + 1]) if number + 1 < len(lines) else None
    line = lines[number]
    if not match or not line.strip() or _UNDERLINE.fullmatch(line) or len(line) > 2 * _LONGEST_HEADING:
        return 0
    before = lines[number - 1] if number else ""
    follows_text = before.strip() and not _UNDERLINE.fullmatch(before)
    if follows_text or _COLUMNS.search(line.strip()):
        return 0
    return 1 if match["mark"] == "=" else 2


def _is_alone(lines: Sequence[str], number: int) -> bool:
    before = lines[number - 1] if number else ""
    after = lines[number + 1] if number + 1 < len(lines) else ""
    return bool(lines[number].strip()) and not before.strip() and not after.strip()


def _level_alone(line: str) -> int:
    """The level of a line that stands alone, 0 for no heading: `3.` is 2, below the title, and `3.1` is 3."""
    text = line.strip()
    if len(text) > _LONGEST_HEADING or text[-1] in ".,;!。\uff1b\uff0c\uff01" or _COLUMNS.search(text):
        return 0
    if match := _NUMBERED.fullmatch(text):
        return 2 + match["number"].count(".")
    if level := _chinese_level(text):
        return level
    letters = sum(char.isalpha() for char in text)
    return 2 if text.isupper() and letters >= 4 and len(text) <= _LONGEST_CAPITALS else 0


def _is_numbered(line: str) -> bool:
    return bool(_NUMBERED.fullmatch(line) or _chinese_level(line.strip()))


def _chapter_level(line: str) -> int:
    """The level of a Chinese chapter's or section's heading, which stands right above its text."""
    text = line.strip()
    is_short = 0 < len(text) <= _LONGEST_CHAPTER and not re.search(r"[。，；：！？、,;:.]|\d$", text)
    return next((level for pattern, level in _CHINESE_NUMBERED[:2] if is_short and pattern.fullmatch(text)), 0)


def _chinese_level(text: str) -> int:
    return next((level for pattern, level in _CHINESE_NUMBERED if pattern.fullmatch(text)), 0)


def _list_items(lines: Sequence[str], levels: dict[int, int]) -> set[int]:
    """Numbered lines that follow one another with no text between: a list with spaced items, not headings."""
    items: set[int] = set()
    filled = [number for number, line in enumerate(lines) if line.strip()]
    for number, following in pairwise(filled):
        numbered = all(number in levels and _is_numbered(lines[number]) for number in (number, following))
        if numbered and levels[number] == levels[following]:
            items |= {number, following}
    return items


def _is_decoration(lines: Sequence[str], number: int, levels: dict[int, int]) -> bool:
    """A rule that underlines or overlines a heading, or stands alone."""
    if not _UNDERLINE.fullmatch(lines[number]):
        return False
    return number - 1 in levels or number + 1 in levels or _is_alone(lines, number)
