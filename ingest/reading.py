"""What a refresh asks of whatever reads files; no reader is imported before a file is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from index.passages import Document


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may hold: `max_bytes` on disk; an archive also unpacked, in all, and by number of members."""

    max_bytes: int
    max_members: int = 2_000
    max_unpacked_bytes: int = 500 * 2**20


@dataclass(frozen=True, slots=True)
class Failure:
    """A member of an archive that cannot be read; `name` is `archive.zip/inside/path.md`, `stage` where it failed."""

    name: str
    reason: str
    stage: str


@dataclass(frozen=True, slots=True)
class FileReading:
    """What one file holds: one document; an archive any number of them, and failures of its members."""

    documents: tuple[Document, ...]
    failures: tuple[Failure, ...] = ()


class FileReader(Protocol):
    """Reads one file after another."""

    def read(self, path: Path, name: str) -> FileReading:
        """Raises Unreadable where nothing of the file can be read."""
        ...

    def close(self) -> None:
        """Give back what reading holds; it may be read on afterwards."""
        ...


class InProcessReader:
    """Reads files in this process: for files that are trusted."""

    def __init__(self, max_file_bytes: int) -> None:
        self._limits = Limits(max_file_bytes)

    def read(self, path: Path, name: str) -> FileReading:
        from ingest.readers import read_file

        return read_file(path, name, self._limits)

    def close(self) -> None:
        """There is nothing to give back."""
