"""Which reader reads which format, and what is asked of every file before and after."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from index.passages import Document
from ingest import sidecars
from ingest.errors import Unreadable
from ingest.language import language_of
from ingest.metadata import check_scope
from ingest.readers import archive, delimited, docx, html, jsonl, markdown, pdf, plain, pptx, rtf, xlsx
from ingest.readers.reading import Reading
from ingest.readers.titles import title_from_name
from ingest.reading import Failure, FileReading, Limits

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
        ".pptx": pptx.read,
        ".xlsx": xlsx.read,
        ".rtf": rtf.read,
        ".csv": delimited.read,
        ".tsv": delimited.read,
        ".jsonl": jsonl.read,
        ".ndjson": jsonl.read,
    }
)


@dataclass(frozen=True, slots=True)
class _Described:
    """A sidecar's bytes, and its name for those who have to mend it."""

    name: str
    data: bytes


def read_file(path: Path, name: str, limits: Limits) -> FileReading:
    """Read one source file, and the sidecar beside it, into the Document called `name`.

    The title is that of the sidecar, or the file's own, or its first heading of level 1, or a readable form of
    `name`. A Markdown page with a title and nothing below it (a folder's stub) is a Document without sections.
    A zip archive gives a document for each of its members, called `name/MEMBER`, and a Failure for each that cannot be
    read; the sidecar beside it holds for all of them, except where a member's own, inside, says otherwise.
    Raises Unreadable, with reason and stage, for a format without a reader, a file larger than allowed or empty, one
    that cannot be opened, one that holds no text, and metadata that cannot be understood.
    """
    _check_format(path.name)
    data = _bytes_of(path, limits.max_bytes)
    beside = sidecars.sidecar_of(path)
    described = (_Described(beside.name, sidecars.bytes_of(beside)),) if beside else ()
    if _suffix(path.name) in archive.SUFFIXES:
        return _archived(name, data, described, limits)
    return FileReading((_document(name, data, SUFFIXES[_suffix(path.name)], described),))


def read_document(path: Path, name: str, max_bytes: int) -> Document:
    """Read a source file that holds one document; see `read_file`."""
    (document,) = read_file(path, name, Limits(max_bytes)).documents
    return document


def _archived(name: str, data: bytes, described: tuple[_Described, ...], limits: Limits) -> FileReading:
    members = list(archive.members_of(data, limits.max_members, limits.max_bytes, limits.max_unpacked_bytes))
    if not members:
        raise Unreadable("no files in this archive", "archive")
    described_inside = {member.name: member for member in members if sidecars.is_sidecar(PurePosixPath(member.name))}
    for sidecar in described:  # said once, and not by every member
        check_scope(sidecars.parse(sidecar.data, sidecar.name).metadata)
    documents: list[Document] = []
    failures: list[Failure] = []
    for member in members:
        if member.name in described_inside:
            continue
        full_name = f"{name}/{member.name}"
        try:
            _check_format(member.name)
            names = (f"{member.name}{suffix}" for suffix in sidecars.SUFFIXES)
            beside = [described_inside[beside_name] for beside_name in names if beside_name in described_inside]
            own = tuple(_Described(sidecar.name, sidecar.read()) for sidecar in beside[:1])
            content = member.read()  # refused for an archive, which has no reader
            reader = SUFFIXES[_suffix(member.name)]
            documents.append(_document(full_name, content, reader, (*described, *own), len(described)))
        except Unreadable as exc:
            failures.append(Failure(full_name, str(exc), exc.stage))
    return FileReading(tuple(documents), tuple(failures))


def _check_format(name: str) -> None:
    suffix = _suffix(name)
    if suffix not in SUFFIXES and suffix not in archive.SUFFIXES:
        raise Unreadable(
            f"format {suffix} is not supported" if suffix else "a file without a suffix: its format is not known",
            "open",
        )


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _document(name: str, data: bytes, reader: Reader, described: tuple[_Described, ...], shared: int = 0) -> Document:
    """The document of a file's bytes; of several sidecars the later ones win, and the first `shared` give no title."""
    if not data:
        raise Unreadable("empty file", "open")
    said = [sidecars.parse(sidecar.data, sidecar.name) for sidecar in described]
    reading = reader(data)
    title = next((sidecar.title for sidecar in reversed(said[shared:]) if sidecar.title), reading.title)
    if not reading.sections and not (title and reader is markdown.read):
        raise Unreadable("no text found")
    metadata = dict(reading.metadata)
    for sidecar in said:
        metadata.update(sidecar.metadata)
    check_scope(metadata)
    if "language" not in metadata and (language := language_of(section.text for section in reading.sections)):
        metadata["language"] = language
    content_hash = sidecars.content_hash(data, *(sidecar.data for sidecar in described))
    return Document(name, title or title_from_name(name), reading.sections, content_hash, metadata)


def _bytes_of(path: Path, max_bytes: int) -> bytes:
    try:
        # a pipe or a device would wait for ever
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unreadable("not a regular file", "open")
        with path.open("rb") as file:
            # one byte more than allowed, whatever the size on record says: the file may be growing
            data = file.read(max_bytes + 1)
            size = max(path.stat().st_size, len(data))
    except OSError as exc:
        raise Unreadable(exc.strerror or type(exc).__name__, "open") from exc
    if len(data) > max_bytes:
        reason = f"{_megabytes(size)} is more than the limit of {_megabytes(max_bytes)} (ingest.max_file_mb)"
        raise Unreadable(reason, "open")
    return data


def _megabytes(size: int) -> str:
    number = size / 2**20
    return f"{number:.1f} MB".replace(".0 MB", " MB") if number >= 0.1 else f"{number:.1g} MB"
