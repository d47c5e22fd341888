"""Which reader reads which format, and what is asked of every file before and after."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from index.passages import Document
from ingest.errors import Unreadable
from ingest.readers import docx, html, markdown, pdf, plain
from ingest.readers.reading import Reading
from ingest.readers.titles import title_from_name

Reader = Callable[[bytes], Reading]

SUFFIXES: Mapping[str, Reader] = MappingProxyType(
    {
        ".md": markdown.read,
        ".markdown": markdown.read,
        ".html": html.read,
        ".htm": html.read,
        ".txt": plain.read,
        ".text": plain.read,
        ".pdf": pdf.read,
        ".docx": docx.read,
    }
)


def read_document(path: Path, name: str, max_bytes: int) -> Document:
    """Read one source file into a Document called `name`.

    The title is the file's own, or its first heading of level 1, or a readable form of `name`. A Markdown page with
    a title and nothing below it (a folder's stub) is a Document without sections.
    Raises Unreadable, with the reason, for a format without a reader, a file larger than `max_bytes` or empty, one
    that cannot be opened, and one that holds no text.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise Unreadable(
            f"format {suffix} is not supported" if suffix else "a file without a suffix: its format is not known"
        )
    data = _bytes_of(path, max_bytes)
    reading = SUFFIXES[suffix](data)
    is_stub = reading.title and SUFFIXES[suffix] is markdown.read
    if not reading.sections and not is_stub:
        raise Unreadable("no text found")
    title = reading.title or title_from_name(name)
    return Document(name, title, reading.sections, hashlib.sha256(data).hexdigest(), reading.metadata)


def _bytes_of(path: Path, max_bytes: int) -> bytes:
    try:
        # a pipe or a device would wait for ever
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unreadable("not a regular file")
        with path.open("rb") as file:
            # one byte more than allowed, whatever the size on record says: the file may be growing
            data = file.read(max_bytes + 1)
            size = max(path.stat().st_size, len(data))
    except OSError as exc:
        raise Unreadable(exc.strerror or type(exc).__name__) from exc
    if len(data) > max_bytes:
        raise Unreadable(f"{_megabytes(size)} is more than the limit of {_megabytes(max_bytes)} (ingest.max_file_mb)")
    if not data:
        raise Unreadable("empty file")
    return data


def _megabytes(size: int) -> str:
    number = size / 2**20
    return f"{number:.1f} MB".replace(".0 MB", " MB") if number >= 0.1 else f"{number:.1g} MB"
