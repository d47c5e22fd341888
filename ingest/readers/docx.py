"""Word documents (.docx): opening them safely, their title and properties."""

from __future__ import annotations

import io

import docx
from docx.document import Document

from ingest.errors import Unreadable
from ingest.readers.docx_blocks import Body
from ingest.readers.office import check_package
from ingest.readers.outline import assemble
from ingest.readers.reading import Reading
from ingest.readers.titles import sensible_title

_PROPERTIES = ("subject", "keywords", "category", "language", "version")


def read(data: bytes) -> Reading:
    """Read a Word document: headings by style or outline level, tables, lists, notes; Word keeps no page numbers.

    The title is that of the document's properties, or the first paragraph in the Title style, or the first heading.
    Raises Unreadable for a file that is no Word document, is damaged, encrypted, or unpacks to more than 200 MB.
    """
    check_package(data, "a Word document", ".docx", ".doc")
    # python-docx trusts its input: damage shows as anything from KeyError to lxml's and zlib's errors
    try:
        document = docx.Document(io.BytesIO(data))
        parts = list(Body(document).parts())
        title, metadata = sensible_title(document.core_properties.title), _metadata(document)
    except Exception as exc:
        raise Unreadable("damaged, or not a Word document; open it in Word and save it as .docx again") from exc
    return assemble(parts, title, metadata)


def _metadata(document: Document) -> dict[str, str]:
    return {name: str(getattr(document.core_properties, name)) for name in _PROPERTIES}
