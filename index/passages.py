"""The values that travel through the system: documents, the passages cut from them, and hits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from index.scope import ANYWHERE, Scope


@dataclass(frozen=True, slots=True)
class Section:
    """The text under one heading of a document.

    `heading` is the path of headings, outermost first, without the document's title; `text` is Markdown,
    tables as pipe tables; `page` is the 1-based page on which the section starts, None where there are no pages.
    """

    heading: tuple[str, ...]
    text: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One source file, read: `name` is unique in a knowledge base, `content_hash` is the SHA-256 of its bytes."""

    name: str
    title: str
    sections: tuple[Section, ...]
    content_hash: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, small enough to embed and to quote."""

    document: str
    title: str
    heading: tuple[str, ...]
    page: int | None
    ordinal: int
    text: str

    @property
    def id(self) -> str:
        """Hash of the passage's place and text: equal id, equal passage."""
        parts = (self.document, str(self.ordinal), self.indexed_text)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:20]

    @property
    def indexed_text(self) -> str:
        """What is embedded: the title and the heading path carry words that the text itself may leave out."""
        return f"{' > '.join((self.title, *self.heading))}\n{self.text}"

    @property
    def heading_path(self) -> str:
        """The heading path as people read it."""
        return " > ".join(self.heading)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a query.

    `score` ranks it among the hits of its query, from 0 to 1; `cosine` is the similarity of query and passage and
    can be compared between queries. `scope` is that of the passage's document; `duplicates` are passages that say the
    same, found further down and left out.
    """

    passage: Passage
    score: float
    cosine: float
    scope: Scope = ANYWHERE
    duplicates: tuple[Passage, ...] = ()
