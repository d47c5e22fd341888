"""Functions that stand for a reader which a file has brought down; each is named to a reading process."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path

from index.passages import Document, Section
from ingest.readers import FileReading, Limits

# the process keeps a copy of its real output for itself: a file that took it over would find it
_REPLIES = 3


def by_name(path: Path, name: str, limits: Limits) -> FileReading:
    """What the file's name asks for; any other file is read as it is."""
    del limits
    kind = Path(name).stem
    if kind == "sleeps":
        time.sleep(300)
    if kind == "eats":
        held = [bytearray(2**24) for _ in range(10_000)]
        del held
    if kind == "aborts":
        os.abort()
    if kind == "segfaults":
        ctypes.string_at(0)
    if kind == "exits":
        os._exit(3)
    if kind == "prints":
        print("noise", flush=True)
        os.write(1, b"\x00\x00\x00\x02{}")
    if kind == "lies":
        return FileReading((_document("another.md", "stolen"),))
    if kind == "forges":
        for descriptor in range(_REPLIES, 64):
            try:
                os.write(descriptor, (9).to_bytes(4, "big") + b'{"x": 1}\n')
            except OSError:
                continue
    if kind == "deep":
        sys.setrecursionlimit(100_000)
        _down(10**6)
    return FileReading((_document(name, path.read_text(encoding="utf-8")),))


def _down(depth: int) -> int:
    return _down(depth - 1) + 1 if depth else 0


def _document(name: str, text: str) -> Document:
    return Document(name, "Title", (Section((), text),), "0" * 64, {"language": "en"})
