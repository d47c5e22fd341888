"""JSON lines (.jsonl): an object a line, each a section of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ingest.errors import Unreadable
from ingest.readers.outline import one_line
from ingest.readers.reading import Reading
from ingest.readers.rows import Row, sections_of
from ingest.readers.text_encoding import decode


def read(data: bytes) -> Reading:
    """Read one JSON object a line; the names inside nested objects are joined by dots, lists by commas.

    Raises Unreadable for bytes that are no text, and for a line that is no JSON object, by its number.
    """
    try:
        text = data.decode("utf-8-sig")  # what JSON is by its standard, where U+2028 does not end a line
    except UnicodeDecodeError:
        text = decode(data)
    return Reading("", sections_of(_rows(text)))


def _rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
            row = dict(_flat(value, "")) if isinstance(value, dict) else None
        except RecursionError as exc:
            raise Unreadable(f"line {number}: nested too deeply to read") from exc
        except ValueError as exc:
            raise Unreadable(f"line {number} is not JSON: {getattr(exc, 'msg', exc)}") from exc
        if row is None:
            raise Unreadable(f'line {number}: expected an object such as {{"question": ..., "answer": ...}}')
        yield row


def _flat(value: object, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{one_line(str(key))}" if name else one_line(str(key)))
    elif isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
        for number, item in enumerate(value, 1):
            yield from _flat(item, f"{name}.{number}")
    elif isinstance(value, list):
        yield name, ", ".join(_word(item) for item in value)
    else:
        yield name, _word(value)


def _word(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
