"""Zip archives: their members one by one, with what is not safe to read set aside."""

from __future__ import annotations

import io
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.errors import Unreadable
from ingest.readers.text_encoding import decode

SUFFIXES = (".zip",)
_NESTED = re.compile(r".*\.(?:zip|7z|rar|tar|gz|tgz|bz2|xz|zst)", re.IGNORECASE)
_UNSAFE_NAME = re.compile(r"(?:/|[A-Za-z]:).*|(?:.*/)?\.\.(?:/.*)?|.*[\x00-\x1f\x7f].*", re.DOTALL)
_SYSTEM_FILES = ("__macosx", "thumbs.db", "desktop.ini")
_UTF8_NAME = 0x800  # flag of a member whose name is UTF-8; without it nobody knows
_ENCRYPTED = 0x1
_MOST_RATIO = 250  # text hardly ever shrinks to a fiftieth
_SMALL = 2**20  # bytes that may come from nearly nothing


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive; reading it may raise Unreadable, in the stage "archive"."""

    name: str
    refused: str
    _info: zipfile.ZipInfo
    _archive: zipfile.ZipFile

    def read(self) -> bytes:
        """The member's bytes."""
        if self.refused:
            raise Unreadable(self.refused, "archive")
        # zipfile lets through the errors of its decompressors, and its own
        try:
            return self._archive.read(self._info)
        except Exception as exc:
            raise Unreadable(f"damaged inside the archive ({type(exc).__name__})", "archive") from exc


def members_of(data: bytes, max_members: int, max_member_bytes: int, max_unpacked_bytes: int) -> Iterator[Member]:
    """The files of an archive in order of their names, without folders, hidden files and those that macOS and Windows add.

    Raises Unreadable, in the stage "archive", for what is no archive, holds too many members, or unpacks to too much.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        infos = archive.infolist()
    except Exception as exc:
        reason = "a cut off or damaged zip archive" if data.startswith(b"PK") else "not a zip archive"
        raise Unreadable(reason, "archive") from exc
    if len(infos) > max_members:
        raise Unreadable(f"holds {len(infos):,} files, more than the {max_members:,} that are read", "archive")
    # reading a member stops at its declared size, so that what is declared is a true bound
    unpacked = sum(info.file_size for info in infos)
    if unpacked > max_unpacked_bytes:
        raise Unreadable(
            f"unpacks to {unpacked / 2**20:.0f} MB, more than the {max_unpacked_bytes / 2**20:.0f} MB that are safe",
            "archive",
        )
    seen: set[str] = set()
    for name, info in sorted(((_name(info), info) for info in infos), key=lambda pair: pair[0]):
        if not (info.is_dir() or name.endswith("/") or _is_passed_over(name)):
            yield Member(_printable(name), _refusal(name, info, name in seen, max_member_bytes), info, archive)
            seen.add(name)


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name; Windows writes it in the encoding of its user, some programs with backslashes."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8_NAME and not name.isascii():
        try:
            name = decode(name.encode("cp437"))
        except (UnicodeError, Unreadable):
            return name.replace("\\", "/")
    return name.replace("\\", "/")


def _is_passed_over(name: str) -> bool:
    parts = name.split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return hidden or any(part.lower() in _SYSTEM_FILES for part in parts) or parts[-1].startswith("~$")


def _printable(name: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in name)


def _refusal(name: str, info: zipfile.ZipInfo, is_repeated: bool, max_bytes: int) -> str:
    """Why a member is not read, empty for one that may be."""
    if _UNSAFE_NAME.fullmatch(name):
        return "its name leads out of the archive; pack it again with plain names"
    if is_repeated:
        return "a second file of the same name"
    if info.flag_bits & _ENCRYPTED:
        return "encrypted; pack it without a password"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link, not a file"
    if _NESTED.fullmatch(name):
        return "an archive inside an archive; unpack it"
    if info.file_size > max_bytes:
        return (
            f"{info.file_size / 2**20:.1f} MB is more than the limit of {max_bytes / 2**20:.0f} MB (ingest.max_file_mb)"
        )
    if info.file_size > max(_SMALL, _MOST_RATIO * info.compress_size):
        return f"unpacks to {info.file_size // max(info.compress_size, 1)} times its size, as only a zip bomb does"
    return ""
