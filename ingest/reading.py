"""What a refresh asks of whatever reads files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ingest.readers import FileReading


class FileReader(Protocol):
    """Reads one file. Raises Unreadable where nothing of it can be read."""

    def read(self, path: Path, name: str) -> FileReading: ...


class InProcessReader:
    """Reads files in this process: for files that are trusted."""

    def __init__(self, max_file_bytes: int) -> None:
        self._max_file_bytes = max_file_bytes

    def read(self, path: Path, name: str) -> FileReading:
        from ingest.readers import Limits, read_file  # most refreshes read nothing, and readers take long to import

        return read_file(path, name, Limits(self._max_file_bytes))
