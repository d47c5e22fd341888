"""Functions that stand for a reader which a file has brought down; each is named to a reading process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from pathlib import Path

from index.passages import Document, Section
from ingest.errors import Unreadable
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
    if kind == "boasts":
        _to_replies((2**31).to_bytes(4, "big"))
        time.sleep(300)
    if kind == "closes":
        os.closerange(1, 64)
        time.sleep(300)
    if kind == "shouts":
        raise Unreadable("\x1b[31mred\u202e " + "x" * 5_000)
    if kind == "tells":
        raise Unreadable(" ".join(sorted(os.environ)))
    if kind == "invents":
        raise Unreadable("of its own", "delete everything")
    if kind == "prints":
        print("noise", flush=True)
        os.write(1, b"\x00\x00\x00\x02{}")
    if kind == "lies":
        return FileReading((_document("another.md", "stolen"),))
    if kind == "forges":
        _to_replies((9).to_bytes(4, "big") + b'{"x": 1}\n')
    if kind == "deep":
        sys.setrecursionlimit(100_000)
        _down(10**6)
    return FileReading((_document(name, path.read_text(encoding="utf-8")),))


def _to_replies(data: bytes) -> None:
    for descriptor in range(_REPLIES, 64):
        with contextlib.suppress(OSError):
            os.write(descriptor, data)


def _down(depth: int) -> int:
    return _down(depth - 1) + 1 if depth else 0


def _document(name: str, text: str) -> Document:
    return Document(name, "Title", (Section((), text),), "0" * 64, {"language": "en"})
