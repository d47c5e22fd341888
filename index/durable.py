"""Writing so that a power cut or a kill leaves either the old state or the new one."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Have the disk hold what was written to a file, or to the list of names of a folder. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes) -> None:
    """Write a new file and have the disk hold it. Raises OSError."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_whole(path: Path, data: bytes) -> None:
    """Put a file in the place of another at once: a reader sees all of one or all of the other. Raises OSError."""
    new = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        write_whole(new, data)
        os.replace(new, path)
    except OSError:
        if new.is_file():
            new.unlink()
        raise
    sync(path.parent)
