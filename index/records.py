"""What a generation says of itself, of its documents, and of the files that they came from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from index.blending import Blend
from index.errors import ScopeError
from index.index_choice import IndexChoice
from index.scope import Scope

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """What a generation remembers of a document; `passages` is how many it has."""

    name: str
    title: str
    content_hash: str
    passages: int
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def scope(self) -> Scope | None:
        """Where, for whom and when it holds; None where the metadata cannot be understood, so that nobody is shown it."""
        try:
            return Scope.of(self.metadata)
        except ScopeError as exc:
            log.warning("%s is not searched: %s; correct its metadata and run: switchboard kb refresh", self.name, exc)
            return None


class Quarantined(BaseModel, frozen=True):
    """A file, or a member of an archive, that a refresh set aside, and why.

    `stage` says where it failed, `since` (UTC, ISO) when it first did with these bytes; it is not tried again before
    `content_hash` (of its bytes and its sidecar's) or `rules` (what is asked of every file) changes. With `kept`, the
    document made of its previous version still serves.
    """

    name: str
    reason: str
    stage: str = "read"
    since: str = ""
    file: str = ""
    size: int = 0
    modified_ns: int = 0
    content_hash: str = ""
    rules: str = ""
    kept: bool = False


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the sources: `content_hash` is that of its bytes and its sidecar's, `documents` is how many of the
    generation's documents came from it; they follow one another, file by file, in the order of the files."""

    name: str
    content_hash: str
    documents: int


class CanaryResult(BaseModel, frozen=True):
    """How a generation did on the operator's canaries: `canaries` is the hash of their file, `missed` are the questions
    whose document was not found."""

    canaries: str
    asked: int
    missed: tuple[str, ...]


class Manifest(BaseModel, frozen=True):
    """The facts of a generation; written last, so a folder without one is not a generation."""

    format: int
    id: str
    created: str
    sources: tuple[str, ...]
    embedder: str
    embedder_fingerprint: str
    splitter_fingerprint: str
    tokens_fingerprint: str = ""
    documents: int
    passages: int
    quarantined: tuple[Quarantined, ...]
    canaries: CanaryResult | None = None
    checksums: Mapping[str, str]
    index: IndexChoice | None = None
    blend: Blend = Blend()
