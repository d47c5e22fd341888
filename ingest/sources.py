"""Which files the sources hold, how they look, and what their bytes hash to."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from index.checksums import sha256_of
from index.durable import replace_whole
from ingest.errors import SourceError
from ingest.sidecars import is_sidecar, sidecar_of

_RACY = 2_000_000_000  # nanoseconds; no file system's clock is coarser
_HASHED = 2**30  # bytes; a larger file is known by its looks, as no reader takes it


class Look(msgspec.Struct, frozen=True, array_like=True):
    """What the file system says of a file; times in nanoseconds."""

    size: int
    modified: int
    changed: int
    number: int

    @classmethod
    def of(cls, status: os.stat_result) -> Look:
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of the sources and where it lies; `look` is None where the file system would not say how it looks."""

    name: str
    place: str
    look: Look | None
    sidecar: str = ""
    sidecar_look: Look | None = None


def check_sources(sources: Sequence[Path]) -> None:
    """Raise SourceError for a source that is not there."""
    for source in sources:
        if not source.is_file() and not source.is_dir():
            raise SourceError(f"{source}: no such file or folder")


def files_of(sources: Sequence[Path]) -> list[FoundFile]:
    """Every file of the sources with the name it gets in the knowledge base: its path below its source.

    Where two sources hold the same path, the later one's name begins with its source's name. Hidden files and
    folders are passed over, and a sidecar belongs to its file. Raises SourceError.
    """
    check_sources(sources)
    taken: set[str] = set()
    files: list[FoundFile] = []
    for source in sources:
        found = _below(source)
        sidecars = {n for n in found if n.lower().endswith((".yaml", ".yml")) and is_sidecar(Path(n))}
        names = sorted(found.keys() - sidecars, key=lambda n: n.split("/"))
        if not names:
            raise SourceError(f"{source}: no files in this folder")
        folder = os.path.abspath(source if source.is_dir() else source.parent)
        for below in names:
            name = below if below not in taken else f"{source.absolute().name}/{below}"
            if name in taken:
                raise SourceError(
                    f"{source / below}: another source already has a document named {name}; rename one of the folders"
                )
            taken.add(name)
            place = f"{folder}/{below}"
            beside = sidecar_of(Path(place)) if sidecars else None
            look = _look(beside) if beside is not None else None
            files.append(FoundFile(name, place, found[below], str(beside or ""), look))
    return files


def _below(source: Path) -> Mapping[str, Look | None]:
    """Every file at or below a source, by its path there."""
    if source.is_file():
        both = (source, sidecar_of(source))
        return {p.name: _look(p) for p in both if p is not None}
    return dict(_walk(str(source), ""))


def _look(path: Path) -> Look | None:
    try:
        return Look.of(path.stat())
    except OSError:
        return None


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, Look | None]]:
    try:
        entries = list(os.scandir(folder))
    except OSError as exc:
        raise SourceError(f"{folder}: cannot be looked into ({exc.strerror})") from exc
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if not entry.is_symlink():
                yield from _walk(entry.path, f"{prefix}{entry.name}/")
            continue
        try:
            yield prefix + entry.name, Look.of(entry.stat())
        except OSError:
            yield prefix + entry.name, None  # the reader will say why


class _Known(msgspec.Struct, frozen=True, array_like=True):
    look: Look
    hash: str


class FileHashes:
    """The hashes of files, computed only for those that look different from when they were last hashed.

    One that was changed within two seconds before it is hashed is hashed again the next time: it may have been changed
    once more without looking different.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = _read(path)
        self._now: dict[str, _Known] = {}
        self.computed = 0

    def of(self, place: str, look: Look | None) -> str | None:
        """The SHA-256 of a file, None where it cannot be read."""
        if look is not None and look.size > _HASHED:
            return f"{look.size} bytes of {look.modified}"
        known = self._before.get(place)
        if known is not None and known.look == look:
            self._now[place] = known
            return known.hash
        started = time.time_ns()
        try:
            found = sha256_of(Path(place)) if os.path.isfile(place) else None
        except OSError:
            return None
        self.computed += 1
        if found is not None and look is not None and max(look.modified, look.changed) < started - _RACY:
            self._now[place] = _Known(look, found)
        return found

    def save(self) -> None:
        """Remember what was asked for since the start, and nothing else. Raises OSError."""
        if self._now != self._before:
            replace_whole(self._path, msgspec.json.encode(self._now))


def _read(path: Path) -> dict[str, _Known]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Known])
    except (OSError, msgspec.MsgspecError):
        return {}  # only time is lost
