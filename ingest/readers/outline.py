"""Headings and blocks in reading order -> sections with their heading paths: the one place where paths are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from index.passages import Section
from ingest.metadata import tidy
from ingest.readers.reading import Reading
from ingest.readers.text_encoding import normalise

_LIST_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s")
_CHAPTER = re.compile(
    r"[\d.\s]*(?:introduction|overview|(?:table of )?contents|summary|background|scope|purpose|about|preface|"
    r"简介|概述|目录|前言)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; `level` 1 is the outermost of a document's headings, 0 is a title set above them."""

    level: int
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, list or table, as Markdown; `page` is 1-based."""

    text: str
    page: int | None = None


Part = Heading | Block


def assemble(parts: Iterable[Part], title: str = "", metadata: Mapping[str, str] | None = None) -> Reading:
    """Build a Reading: one section for each heading, and for each page that its text runs over.

    Without a `title` the first heading of level 1 (or 0) on the first page is the title. Paths leave the title out.
    A heading with nothing under it becomes text of the section around it, so that its words are not lost.
    """
    kept = [part for part in map(_normalised, parts) if part.text]
    title = one_line(title) or _first_title(kept)
    outline = _Outline(title)
    for part, follower in zip_longest(kept, kept[1:]):
        if isinstance(part, Block):
            outline.add(part.text, part.page)
        elif _leads(part, follower):
            outline.enter(part)
        else:
            outline.state(part)
    return Reading(title, outline.finish(), tidy({key: normalise(value) for key, value in (metadata or {}).items()}))


def one_line(text: str) -> str:
    """Text for a title or a heading: normalised, on one line, single spaces."""
    return " ".join(normalise(text).split())


def same_words(one: str, other: str) -> bool:
    """Whether two headings say the same, whatever their case and spacing."""
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def _normalised(part: Part) -> Part:
    if isinstance(part, Heading):
        return Heading(part.level, one_line(part.text), part.page)
    lines = (line.rstrip() for line in normalise(part.text).split("\n"))
    return Block(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n"), part.page)


def _first_title(parts: Sequence[Part]) -> str:
    headings = [part for part in parts if isinstance(part, Heading) and part.level <= 1]
    # a heading on a later page names a chapter and not the document, and so does "Introduction" before others
    if (
        not headings
        or headings[0].page != parts[0].page
        or (len(headings) > 1 and _CHAPTER.fullmatch(headings[0].text))
    ):
        return ""
    return headings[0].text


def _leads(heading: Heading, follower: Part | None) -> bool:
    """Whether something stands under the heading: text, or a deeper heading."""
    return isinstance(follower, Block) or (isinstance(follower, Heading) and follower.level > heading.level)


class _Outline:
    """The headings that are open now, and the text gathered under them."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._open: list[Heading] = []
        self._path: tuple[str, ...] = ()
        self._texts: list[str] = []
        self._page: int | None = None
        self._sections: list[Section] = []

    def enter(self, heading: Heading) -> None:
        self._close()
        self._leave(heading.level)
        self._open.append(heading)

    def state(self, heading: Heading) -> None:
        """Take a heading with nothing under it as a sentence of the section around it."""
        self._leave(heading.level)
        # a lone letter is an entry of an index that has nothing under it
        if len(heading.text) > 1 and not same_words(heading.text, self._title):
            self.add(heading.text, heading.page)

    def add(self, text: str, page: int | None) -> None:
        path = self._current_path()
        if self._texts and (page != self._page or path != self._path):
            self._close()
        if not self._texts:
            self._page, self._path = page, path
        self._texts.append(text)

    def finish(self) -> tuple[Section, ...]:
        self._close()
        return tuple(self._sections)

    def _leave(self, level: int) -> None:
        while self._open and self._open[-1].level >= level:
            self._open.pop()

    def _current_path(self) -> tuple[str, ...]:
        path = tuple(heading.text for heading in self._open)
        return path[1:] if path and same_words(path[0], self._title) else path

    def _close(self) -> None:
        if self._texts:
            self._sections.append(Section(self._path, _joined(self._texts), self._page))
        self._texts = []


def _joined(texts: Sequence[str]) -> str:
    """Blocks apart by a blank line; list items that came one by one stay together."""
    result = texts[0]
    for before, text in pairwise(texts):
        both_items = _LIST_ITEM.match(before) and _LIST_ITEM.match(text)
        result += ("\n" if both_items else "\n\n") + text
    return result
