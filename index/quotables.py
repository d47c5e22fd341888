"""A passage's text -> the lines that can be quoted from it: sentences, list items and table rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

# a full stop inside a number, an abbreviation or an address ends nothing
_END = re.compile(
    r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<!\bapprox\.)(?<!\bincl\.)(?<!\bexcl\.)(?<!\bNo\.)\s+"
    r"(?=[\"'“‘(\[A-Z0-9€£$*\x00]|[^\x00-\x7f])|(?<=[。！？])"
)
_MARKS_AFTER_STOP = re.compile(r"([.!?。！？])((?:\s*\[\d+(?:\s*,\s*\d+)*\])+)")
_RULE = re.compile(r"\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?")
_ITEM = re.compile(r"(?:[-*+•]|\d+[.)])\s+(.*)")


@dataclass(frozen=True, slots=True)
class Quotable:
    """One line that can be quoted. `text` stands alone: a table row reads 'column: value; column: value'.

    `block` numbers the paragraph, list or table that it belongs to; `header` and `cells` are a row's own.
    """

    kind: Literal["sentence", "item", "row"]
    text: str
    block: int
    header: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()


def sentences(text: str) -> list[str]:
    """Split prose into sentences; marks such as [2] stay with the sentence that they follow."""
    joined = _MARKS_AFTER_STOP.sub(r"\2\1", text)
    return [s.strip() for s in _END.split(joined) if s and s.strip()]


def quotables(text: str) -> list[Quotable]:
    """Every quotable line of a passage, in order."""
    found: list[Quotable] = []
    for block, lines in enumerate(_blocks(text)):
        if lines[0].startswith("|"):
            found += _rows(lines, block)
        elif item := _ITEM.match(lines[0]):
            rest = " ".join([item.group(1), *lines[1:]])
            found.append(Quotable("item", plain(rest), block))
        else:
            prose = plain(" ".join(line.lstrip("#> ") for line in lines))
            found += [Quotable("sentence", s, block) for s in sentences(prose)]
    return [q for q in found if q.text]


def plain(text: str) -> str:
    """Markdown's emphasis and code marks taken off."""
    return re.sub(r"(\*\*|__|`)(.+?)\1", r"\2", text).strip()


def _blocks(text: str) -> Iterator[list[str]]:
    """Lines that belong together: a paragraph, one list item, a table."""
    held: list[str] = []
    for line in (raw.strip() for raw in text.splitlines()):
        starts_anew = (
            bool(_ITEM.match(line))
            or line.startswith("#")
            or (held and line.startswith("|") != held[0].startswith("|"))
        )
        if held and (not line or starts_anew):
            yield held
            held = []
        if line:
            held.append(line)
    if held:
        yield held


def _rows(lines: Sequence[str], block: int) -> Iterator[Quotable]:
    rows = [tuple(plain(c) for c in line.strip("|").split("|")) for line in lines if not _RULE.fullmatch(line)]
    header = rows[0]
    for cells in rows[1:]:
        pairs = zip(header, cells, strict=False)
        text = "; ".join(f"{h}: {c}" if h else c for h, c in pairs if c)
        yield Quotable("row", text, block, header, cells)
