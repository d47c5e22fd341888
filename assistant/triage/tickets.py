"""Labelled tickets in the forms they come in, read into one: a text, and the path of its label down the taxonomy."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from assistant.errors import AssistantError, DatasetError

Ancestors = Callable[[str], tuple[str, ...]]

_T = TypeVar("_T")

_BETWEEN = " > "
_SPLITS = ("train", "val", "test")
_OUT_OF_SCOPE = "oos"
_LAYOUTS = (("text", ("category",)), ("narrative", ("product", "sub_product", "issue", "sub_issue")))
_ID_COLUMNS = ("id", "complaint_id")
_WANTED = (
    "wanted is JSONL with id, text and label, CSV with columns for the text and the levels of its label, "
    "or the JSON of CLINC150 beside its domains.json"
)


@dataclass(frozen=True, slots=True)
class LabelledTicket:
    """A ticket and the ids of its label, from level 1 down to the deepest one known; out of scope, `path` is empty.

    `phrase` names what a sample ticket was composed from; real tickets have none.
    """

    id: str
    text: str
    path: tuple[str, ...]
    phrase: str = ""


_Placed = tuple[str, LabelledTicket]  # where in the file, what


class _Line(BaseModel):
    id: Annotated[str, Field(coerce_numbers_to_str=True)]
    text: str
    label: str
    phrase: str = ""


_SPLIT_ROWS = TypeAdapter(dict[str, list[tuple[str, str]]])
_DOMAINS = TypeAdapter(dict[str, list[str]])
_LINE = TypeAdapter(_Line)


def read_tickets(
    path: Path,
    *,
    ancestors: Ancestors | None = None,
    split: str = "test",
    text_column: str | None = None,
    level_columns: tuple[str, ...] = (),
) -> list[LabelledTicket]:
    """Every ticket of a file, whose form is told by its content; at least one.

    `ancestors` leads from a label to its path of ids and is needed by JSONL only, as the other forms carry their own
    levels; `split` (train, val or test) is read by CLINC150 only; the columns are named for CSV only, when they aren't
    `text`, `category` or `narrative`, `product`, `sub_product`, `issue`, `sub_issue`. A row that cannot be used stops
    the reading, since a measurement on the rest would pass for one on all. Raises DatasetError naming file and place.
    """
    content = _read(path)
    form = _form(content)
    if form == "lines":
        placed = _from_lines(path, content, ancestors)
    elif form == "splits":
        placed = _from_splits(path, content, split)
    elif form == "table":
        placed = _from_table(path, content, text_column, level_columns)
    else:
        raise DatasetError(f"{path}, line 1: {'this is a JSON list' if content.strip() else 'it is empty'}; {_WANTED}")
    tickets = _checked(path, placed)
    if not tickets:
        raise DatasetError(f"{path}: it holds no tickets; {_WANTED}")
    return tickets


def companion(path: Path, split: str = "train") -> Path | None:
    """The file with the examples of another split: `train.csv` beside `test.csv`; CLINC150's file holds all its splits.

    None when there is no such file, or when it would be the very file that is measured on.
    """
    if _form(_read(path)) == "splits":
        return path
    sibling = path.with_name(split + path.suffix)
    return sibling if sibling.is_file() and not sibling.samefile(path) else None


def node_ids(labels: tuple[str, ...]) -> tuple[str, ...]:
    """One id a level, each made of all labels down to it, so that equal labels under two parents stay two nodes."""
    return tuple(_BETWEEN.join(labels[:depth]) for depth in range(1, len(labels) + 1))


def _read(path: Path) -> str:
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as exc:
        raise DatasetError(f"{path}: {exc.strerror}; name a file of labelled tickets") from exc
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        column = exc.start - data.rfind(b"\n", 0, exc.start)
        raise DatasetError(f"{path}, line {line}, byte {column}: it is not UTF-8; save the file as UTF-8") from exc


def _form(content: str) -> Literal["lines", "splits", "table"] | None:
    start = content.lstrip()
    if not start or start.startswith("["):
        return None
    if not start.startswith("{"):
        return "table"
    try:
        first, _ = json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        # Damaged: only a document over many lines opens with a brace alone, so the right reader can name the place.
        return "splits" if start.split("\n", 1)[0].strip() == "{" else "lines"
    return "splits" if any(isinstance(first.get(split), list) for split in _SPLITS) else "lines"


def _checked(path: Path, placed: Iterator[_Placed]) -> list[LabelledTicket]:
    places: dict[str, str] = {}
    tickets: list[LabelledTicket] = []
    for place, ticket in placed:
        if not ticket.text.strip():
            raise DatasetError(f"{path}, {place}: there is no text; add it, or take the row out")
        if not ticket.id.strip():
            raise DatasetError(f"{path}, {place}: there is no id; add it, or take the row out")
        if ticket.id in places:
            raise DatasetError(f"{path}, {place}: id {ticket.id!r} stands at {places[ticket.id]} too; make ids unique")
        places[ticket.id] = place
        tickets.append(ticket)
    return tickets


def _from_lines(path: Path, content: str, ancestors: Ancestors | None) -> Iterator[_Placed]:
    if ancestors is None:
        raise DatasetError(f"{path}: labels in JSONL are ids of a taxonomy; name its file with --taxonomy")
    # Not splitlines(): JSON text may hold other line separators as they are.
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        row = _parsed(_LINE, line, f"{path}, {place}", "wanted is a JSON object with id, text and label on every line")
        try:
            ids = ancestors(row.label)
        except (LookupError, AssistantError) as exc:
            raise DatasetError(_unknown(path, place, row.label, "the taxonomy")) from exc
        if not ids:
            raise DatasetError(_unknown(path, place, row.label, "the taxonomy"))
        yield place, LabelledTicket(row.id, row.text, ids, row.phrase)


def _from_splits(path: Path, content: str, split: str) -> Iterator[_Placed]:
    rows = _parsed(_SPLIT_ROWS, content, str(path), "wanted are lists of [text, intent] by split")
    name = "val" if split == "dev" else split
    if name not in _SPLITS or name not in rows:
        there = ", ".join(s for s in _SPLITS if s in rows)
        raise DatasetError(f"{path}: {split!r} is not a split of this file; there are {there}")
    beside = path.with_name("domains.json")
    domains = _parsed(_DOMAINS, _read(beside), str(beside), "wanted are lists of intents by domain")
    homes = {intent: domain for domain, intents in domains.items() for intent in intents}
    for key in (name, f"{_OUT_OF_SCOPE}_{name}"):
        for number, (text, intent) in enumerate(rows.get(key, ()), start=1):
            place = f"{key}, row {number}"
            if intent not in homes and intent != _OUT_OF_SCOPE:
                raise DatasetError(_unknown(path, place, intent, str(beside)))
            labels = (homes[intent], intent) if intent in homes else ()
            yield place, LabelledTicket(f"{key}-{number}", text, node_ids(labels))


def _from_table(path: Path, content: str, text_column: str | None, level_columns: tuple[str, ...]) -> Iterator[_Placed]:
    records = _records(path, content)
    header = [column.strip() for column in next(records, (1, []))[1]]
    text, levels = _columns(path, header, text_column, level_columns)
    named = next((header.index(column) for column in _ID_COLUMNS if column in header), None)
    for line, cells in records:
        place = f"line {line}"
        if len(cells) != len(header):
            raise DatasetError(
                f"{path}, {place}: the row has {len(cells)} cells, the header {len(header)}; quote commas"
            )
        labels = tuple(cells[level].strip() for level in levels if cells[level].strip())
        if not labels:
            raise DatasetError(f"{path}, {place}: there is no label; add it, or take the row out")
        if any(_BETWEEN in label for label in labels):
            raise DatasetError(f"{path}, {place}: {_BETWEEN!r} in a label would be taken for two levels; rename it")
        yield place, LabelledTicket(str(line) if named is None else cells[named], cells[text], node_ids(labels))


def _records(path: Path, content: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line that it starts on; a cell may run over several lines."""
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as exc:
            # Not strict, a quote left open would swallow the tickets after it without a word.
            raise DatasetError(
                f"{path}, line {line}: the row that starts here is no CSV ({exc}); look for a quote left open"
            ) from exc
        if cells is None:
            return
        if len(cells) > 1 or "".join(cells).strip():
            yield line, cells


def _columns(
    path: Path, header: list[str], text_column: str | None, level_columns: tuple[str, ...]
) -> tuple[int, tuple[int, ...]]:
    """Positions of the text and of the levels, the named ones before the usual ones."""
    layouts = [(text_column or text, level_columns or levels) for text, levels in _LAYOUTS]
    for text, levels in layouts:
        if all(header.count(column) == 1 for column in (text, *levels)):
            return header.index(text), tuple(header.index(level) for level in levels)
    wanted = " or ".join(dict.fromkeys(", ".join((text, *levels)) for text, levels in layouts))
    raise DatasetError(
        f"{path}, line 1: the columns are {', '.join(header)}; wanted are, separated by commas and once each, {wanted}"
    )


def _parsed(form: TypeAdapter[_T], content: str, where: str, wanted: str) -> _T:
    try:
        return form.validate_json(content)
    except ValidationError as exc:
        error = exc.errors()[0]
        place = "".join(f", {part}" for part in error["loc"])
        # A JSONL line is parsed alone, and calls itself line 1.
        problem = error["msg"] if "\n" in content else error["msg"].replace(" at line 1 column", " at column")
        raise DatasetError(f"{where}{place}: {problem}; {wanted}") from exc


def _unknown(path: Path, place: str, label: str, where: str) -> str:
    return f"{path}, {place}: label {label!r} is not in {where}; correct the label, or add it there"
