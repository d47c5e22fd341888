"""Delimited tables (.csv, .tsv): a row is a section of its own, the first row names the columns."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from ingest.errors import Unreadable
from ingest.readers.reading import Reading
from ingest.readers.rows import Row, sections_of, unique
from ingest.readers.text_encoding import decode

_DELIMITERS = ",;\t|"
_DECLARED = re.compile(r"sep=(.)\n")  # how Excel tells itself
_SAMPLE = 100  # rows


def read(data: bytes) -> Reading:
    """Read a delimited table: encoding and delimiter are found out, quoted fields may hold line breaks.

    Raises Unreadable for bytes that are no text, and for a row with more fields than the header names, by its line.
    """
    text = decode(data)
    declared = _DECLARED.match(text)
    body = text[declared.end() :] if declared else text
    delimiter = declared[1] if declared else _delimiter(body)
    return Reading("", sections_of(_rows(body, delimiter, 2 if declared else 1)))


def _delimiter(text: str) -> str:
    """The delimiter that gives most rows the same number of fields, and more than one."""

    def fitness(delimiter: str) -> tuple[float, int]:
        reader = csv.reader(io.StringIO(text), delimiter=delimiter)
        try:
            widths = Counter(len(row) for row, _ in zip(reader, range(_SAMPLE), strict=False) if row)
        except csv.Error:
            return (0.0, 0)
        if not widths:
            return (0.0, 0)
        width, rows = widths.most_common(1)[0]
        return (rows / widths.total(), width) if width > 1 else (0.0, 0)

    return max(_DELIMITERS, key=fitness)


def _rows(text: str, delimiter: str, first_line: int) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    line = first_line
    try:
        for fields in reader:
            if not names:
                names = unique(fields) if any(field.strip() for field in fields) else []
            elif any(field.strip() for field in fields[len(names) :]):
                raise Unreadable(
                    f"line {line} has {len(fields)} fields, the header {len(names)}; "
                    f"put quotes around a field that holds {_said(delimiter)}"
                )
            else:
                yield dict(zip(names, fields, strict=False))
            line = reader.line_num + first_line
    except csv.Error as exc:
        raise Unreadable(f"line {line}: {exc}; is a quote left open?") from exc


def _said(delimiter: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab"}.get(delimiter, delimiter)
