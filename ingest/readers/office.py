"""Office packages (.docx, .xlsx, .pptx): what makes one safe to open, whatever library then reads it."""

from __future__ import annotations

import io
import re
import zipfile

from ingest.errors import Unreadable

MAX_UNPACKED_BYTES = 200 * 2**20
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"  # also what Office wraps an encrypted file in
_DECLARATION = re.compile(rb"<!(?:DOCTYPE|ENTITY)|<\0!\0(?:D\0O\0C|E\0N\0T)|\0<\0!\0(?:D\0O|E\0N)")
_PROLOGUE = 8_192


def check_package(data: bytes, kind: str, suffix: str, old_suffix: str) -> None:
    """Raise Unreadable for what is no office package of this `kind` ("a Word document"), for one that is damaged,
    encrypted, unpacks to more than 200 MB, or whose XML declares entities."""
    if data.startswith(_OLD_OFFICE):
        raise Unreadable(f"encrypted, or an old {old_suffix} file; save it as {suffix} without a password")
    # zipfile checks little before it believes what it reads
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            _check_members(package, kind)
    except Unreadable:
        raise
    except Exception as exc:
        reason = "cut off or damaged" if data.startswith(b"PK") else f"not {kind}, whatever its name says"
        raise Unreadable(reason) from exc


def _check_members(package: zipfile.ZipFile, kind: str) -> None:
    members = package.infolist()
    # reading a member stops at its declared size, so that what is declared is a true bound
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES:
        raise Unreadable(
            f"unpacks to {unpacked / 2**20:.0f} MB, more than the {MAX_UNPACKED_BYTES // 2**20} MB that are safe"
        )
    if "[Content_Types].xml" not in {member.filename for member in members}:
        raise Unreadable(f"a zip archive, but not {kind}")
    for member in members:
        if member.filename.lower().endswith((".xml", ".rels")):
            with package.open(member) as part:
                # office formats forbid them; they are there to read other files or to fill the memory
                if _DECLARATION.search(part.read(_PROLOGUE)):
                    raise Unreadable(
                        f"its part {member.filename} declares a document type or entities, which is unsafe"
                    )
