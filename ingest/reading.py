"""What a refresh asks of whatever reads files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from index.passages import Document


class Failure(Protocol):
    """A part of a file that could not be read."""

    @property
    def name(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def stage(self) -> str: ...


class FileReading(Protocol):
    """What one file held: several documents where it is an archive."""

    @property
    def documents(self) -> Sequence[Document]: ...
    @property
    def failures(self) -> Sequence[Failure]: ...


class FileReader(Protocol):
    """Reads one file. Raises Unreadable where nothing of it can be read."""

    def read(self, path: Path, name: str) -> FileReading: ...


@dataclass(frozen=True, slots=True)
class _OneDocument:
    documents: tuple[Document, ...]
    failures: tuple[Failure, ...] = ()


class InProcessReader:
    """Reads files in this process: for files that are trusted."""

    def __init__(self, max_file_bytes: int) -> None:
        self._max_file_bytes = max_file_bytes

    def read(self, path: Path, name: str) -> FileReading:
        from ingest.readers import read_document  # most refreshes have nothing to read, and readers take long to import

        return _OneDocument((read_document(path, name, self._max_file_bytes),))
