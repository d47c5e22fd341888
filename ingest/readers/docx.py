"""Word documents (.docx): opening them safely, their title and properties."""

from __future__ import annotations

import io
import zipfile

import docx
from docx.document import Document

from ingest.errors import Unreadable
from ingest.readers.docx_blocks import Body
from ingest.readers.outline import assemble
from ingest.readers.reading import Reading
from ingest.readers.titles import sensible_title

MAX_UNPACKED_BYTES = 200 * 2**20
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"  # also what Word wraps an encrypted .docx in
_PROPERTIES = ("subject", "keywords", "category", "language", "version")


def read(data: bytes) -> Reading:
    """Read a Word document: headings by style or outline level, tables, lists, notes; Word keeps no page numbers.

    The title is that of the document's properties, or the first paragraph in the Title style, or the first heading.
    Raises Unreadable for a file that is no Word document, is damaged, encrypted, or unpacks to more than 200 MB.
    """
    _check_archive(data)
    # python-docx trusts its input: damage shows as anything from KeyError to lxml's and zlib's errors
    try:
        document = docx.Document(io.BytesIO(data))
        parts = list(Body(document).parts())
        title, metadata = sensible_title(document.core_properties.title), _metadata(document)
    except Exception as exc:
        raise Unreadable("damaged, or not a Word document; open it in Word and save it as .docx again") from exc
    return assemble(parts, title, metadata)


def _check_archive(data: bytes) -> None:
    if data.startswith(_OLD_OFFICE):
        raise Unreadable("encrypted, or an old .doc file; save it as .docx without a password")
    # zipfile checks little before it believes what it reads
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except Exception as exc:
        reason = "cut off or damaged" if data.startswith(b"PK") else "not a Word document, whatever its name says"
        raise Unreadable(reason) from exc
    # reading a member stops at its declared size, so that what is declared is a true bound
    unpacked = sum(member.file_size for member in members)
    if unpacked > MAX_UNPACKED_BYTES:
        raise Unreadable(
            f"unpacks to {unpacked / 2**20:.0f} MB, more than the {MAX_UNPACKED_BYTES // 2**20} MB that are safe"
        )
    if "[Content_Types].xml" not in {member.filename for member in members}:
        raise Unreadable("a zip archive, but not a Word document")


def _metadata(document: Document) -> dict[str, str]:
    return {name: str(getattr(document.core_properties, name)) for name in _PROPERTIES}
