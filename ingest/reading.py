"""What a refresh asks of whatever reads files."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ingest.readers import FileReading, Limits, read_file


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
        return read_file(path, name, self._limits)

    def close(self) -> None:
        """There is nothing to give back."""
