"""Document -> passages: by structure first, and never longer than the embedder reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import zip_longest

from langchain_text_splitters import RecursiveCharacterTextSplitter

from index.embedding import Embedder
from index.passages import Document, Passage, Section

_RECIPE = 2  # raise when the same document would be split differently
# regular expressions; a closing quote or bracket stays with the Chinese sentence that it closes
_SEPARATORS = ["\n\n", "\n", r"\. |[。！？]+[”’」』）]*", "; |；", ", |[，、：]", " ", ""]
_LONGEST_HEADING = 120  # characters; longer ones are text that was styled as a heading
_LEAST_ROOM = 32


class Splitter:
    """Cuts sections into passages of at most `passage_tokens` tokens, title and heading path included, and never
    longer than the embedder reads.

    A table that has to be cut repeats its header row, so that every row can still be read; a row that is too long for
    a passage beside its header is written as "column: value" lines, each piece of it beginning with the first.
    """

    def __init__(self, embedder: Embedder, passage_tokens: int) -> None:
        self._embedder = embedder
        self._passage_tokens = passage_tokens
        self._count = embedder.count_tokens

    @cached_property
    def _limit(self) -> int:
        # asked for only when there is something to split: it loads the model
        return min(self._passage_tokens, self._embedder.max_tokens)

    @property
    def fingerprint(self) -> str:
        """Changes whenever the passages of an unchanged document would."""
        return hashlib.sha256(f"{_RECIPE}/{self._passage_tokens}/{self._embedder.fingerprint}".encode()).hexdigest()[
            :16
        ]

    def split(self, document: Document) -> list[Passage]:
        """All passages of a document, in reading order."""
        passages: list[Passage] = []
        title = document.title[:_LONGEST_HEADING]
        for section in document.sections:
            heading = tuple(h[:_LONGEST_HEADING] for h in section.heading)
            for text in self._pieces(section, f"{' > '.join((title, *heading))}\n"):
                passages.append(Passage(document.name, title, heading, section.page, len(passages), text))
        return passages

    def _pieces(self, section: Section, prefix: str) -> Iterator[str]:
        text = section.text.strip()
        if not text:
            return
        room = max(self._limit - self._count(prefix), _LEAST_ROOM)
        if self._count(text) <= room:
            yield text
            return
        splitter = RecursiveCharacterTextSplitter(
            separators=_SEPARATORS,
            is_separator_regex=True,
            chunk_size=room,
            chunk_overlap=0,
            length_function=self._count,
            keep_separator="end",
        )
        held = ""
        for block in _blocks(text):
            joined = f"{held}\n\n{block}".strip()
            if self._count(joined) <= room:
                held = joined
                continue
            if held:
                yield held
            held = ""
            if self._count(block) <= room:
                held = block
            elif block.lstrip().startswith("|"):
                yield from self._table_pieces(block, room, splitter)
            else:
                yield from _cut(block, splitter)
        if held:
            yield held

    def _table_pieces(self, table: str, room: int, splitter: RecursiveCharacterTextSplitter) -> Iterator[str]:
        lines = table.splitlines()
        header, rows = lines[:2], lines[2:]
        if not rows:
            yield from _cut(table, splitter)
        held: list[str] = []
        for row in rows:
            if self._count("\n".join([*header, row])) > room:
                if held:
                    yield "\n".join([*header, *held])
                held = []
                yield from self._long_row_pieces(_cells(header[0]), _cells(row), room, splitter)
            elif self._count("\n".join([*header, *held, row])) > room:
                yield "\n".join([*header, *held])
                held = [row]
            else:
                held.append(row)
        if held:
            yield "\n".join([*header, *held])

    def _long_row_pieces(
        self, names: list[str], cells: list[str], room: int, splitter: RecursiveCharacterTextSplitter
    ) -> Iterator[str]:
        pairs = [f"{name}: {cell}" if name else cell for name, cell in zip_longest(names, cells, fillvalue="") if cell]
        # the first cell mostly says what the row is about
        lead = pairs[0] if pairs and self._count(pairs[0]) <= room // 3 else ""
        held = ""
        for pair in pairs:
            if self._count(joined := f"{held}\n{pair}".strip()) <= room:
                held = joined
                continue
            if held and held != lead:
                yield held
            held = f"{lead}\n{pair}".strip()
            if self._count(held) > room:
                *whole, held = _cut(held, splitter)
                yield from whole
        if held:
            yield held


def _cut(text: str, splitter: RecursiveCharacterTextSplitter) -> list[str]:
    return [piece.strip() for piece in splitter.split_text(text) if piece.strip()]


def _cells(row: str) -> list[str]:
    """The cells of a row of a pipe table, without the bars' escapes."""
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip().removeprefix("|"))]


def _blocks(text: str) -> list[str]:
    """Paragraphs and tables, each whole; a table directly below a line of text is a block of its own."""
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        is_row = line.lstrip().startswith("|")
        if not line.strip():
            found.append([])
        elif found[-1] and is_row != found[-1][-1].lstrip().startswith("|"):
            found.append([line])
        else:
            found[-1].append(line)
    return [re.sub(r"\n+$", "", "\n".join(lines)) for lines in found if lines]
