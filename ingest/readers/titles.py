"""Titles: which of those that files carry mean something, and what to call a file that carries none."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from ingest.readers.outline import one_line

_LEFT_OVER = re.compile(
    r"(?:microsoft (?:word|powerpoint|excel)\b.*|(?:word |new )?document ?\d*|untitled.*|no title|title"
    r"|powerpoint presentation|presentation ?\d*|slide \d+|template|normal|.*\.[a-z]{2,5}|[\W\d_]*"
    r"|https?:\S*|file:\S*)",
    re.IGNORECASE,
)
_WHOLE_FOLDER = ("index", "readme", "_index")


def sensible_title(title: str) -> str:
    """The title in a file's properties, or nothing where it is what a program or a template left there."""
    title = one_line(title)
    return "" if len(title) > 150 or _LEFT_OVER.fullmatch(title) else title


def title_from_name(name: str) -> str:
    """A readable form of a document's name: `billing/Late_fees.pdf` is "Late fees", `roaming/index.md` "Roaming"."""
    path = PurePosixPath(name)
    stem = path.stem
    if stem.lower() in _WHOLE_FOLDER and path.parent.name:
        stem = path.parent.name
    if path.suffix.lower() == ".rtf" and path.parent.suffix.lower() == ".rtfd":
        stem = path.parent.stem  # TextEdit keeps a text with pictures as a folder around TXT.rtf
    # a hyphen between digits belongs to a date or a range
    words = re.sub(r"(?<!\d)-|-(?!\d)|_|%20|\+", " ", stem)
    title = one_line(words) or name
    return title[0].upper() + title[1:]
