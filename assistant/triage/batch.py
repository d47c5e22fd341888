"""A file of tickets -> the same file with what was decided on each; can be killed at any moment and gone on with.

Finished rows are appended, in input order, to OUTPUT.part, a JSON line each after a first line that says what the run
is. When the last row is there, OUTPUT is written from it in one move.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel, ValidationError

from assistant.errors import AssistantError, DatasetError, ModelUnavailable
from assistant.triage.classification import UNSORTED, Classification, Classifier
from index.checksums import sha256_of

_PAUSES = (1.0, 5.0, 15.0, 30.0, 60.0, 60.0, 60.0)  # seconds: a model that restarts is back within two minutes
_TEXT_COLUMNS = ("text", "narrative", "complaint", "message", "body", "description")
FIELDS = ("label", "path", "probabilities", "queue", "priority", "needs_review", "reason", "error")
_PREFIX = "triage_"

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a batch: `resumed` rows were there already, `failed` ones carry their reason in triage_error."""

    tickets: int
    resumed: int
    review: int
    failed: int
    queues: Mapping[str, int]


class _Run(BaseModel, frozen=True):
    """What a run is; rows of another one are not gone on with."""

    input_sha256: str
    taxonomy: str
    model: str
    text_column: str


class Batch:
    """One input file on its way to one output file, both CSV or JSONL by their suffix."""

    def __init__(self, source: Path, output: Path, text_column: str = "") -> None:
        """Raises DatasetError when a file cannot be read as what its name says, or the text is not found in it."""
        for path in (source, output):
            if path.suffix.lower() not in (".csv", ".jsonl"):
                raise DatasetError(f"{path}: tickets are read from and written to .csv and .jsonl files")
        if source.resolve() == output.resolve():
            raise DatasetError(f"{output}: the output would overwrite the input; choose another name")
        self._source, self._output = source, output
        self._part = output.with_name(output.name + ".part")
        self.total = sum(1 for _ in _rows(source))
        if not self.total:
            raise DatasetError(f"{source}: there are no tickets in it")
        self._text_column = text_column or _find_text(source, next(_rows(source)))
        if text_column and text_column not in next(_rows(source)):
            raise DatasetError(f"{source}: there is no {text_column!r}; there are {', '.join(next(_rows(source)))}")

    async def run(
        self, classifier: Classifier, model: str, at_once: int, advance: Callable[[int], None] = lambda _: None
    ) -> Summary:
        """Classify what is not done yet; `advance` is told how many rows more are finished.

        Raises ModelUnavailable when the model stays away; what is finished is kept for the next run.
        """
        run = _Run(
            input_sha256=sha256_of(self._source),
            taxonomy=classifier.taxonomy.version,
            model=model,
            text_column=self._text_column,
        )
        done = self._resume(run)
        advance(done)
        with self._part.open("a", encoding="utf-8") as part:
            async for row in self._classified(classifier, done, at_once):
                part.write(json.dumps(row, ensure_ascii=False) + "\n")
                part.flush()
                advance(1)
            os.fsync(part.fileno())
        summary = self._summarise(done)
        self._publish()
        return summary

    def _resume(self, run: _Run) -> int:
        """How many rows are finished; a last line that was cut off by a kill is taken off."""
        if not self._part.exists():
            self._part.write_text(run.model_dump_json() + "\n", encoding="utf-8")
            return 0
        whole = 0
        with self._part.open("rb+") as part:
            lines = 0
            for line in part:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                lines += 1
            part.truncate(whole)
        if lines == 0:
            self._part.unlink()
            return self._resume(run)
        with self._part.open(encoding="utf-8") as part:
            try:
                before = _Run.model_validate_json(part.readline())
            except ValidationError as exc:
                raise DatasetError(f"{self._part} is not a batch that was begun here; move it away") from exc
        if before != run:
            changed = [name for name in _Run.model_fields if getattr(before, name) != getattr(run, name)]
            raise DatasetError(
                f"{self._part} was begun with another {' and '.join(changed).replace('_', ' ')}; "
                "remove it to start anew, or choose another output"
            )
        return lines - 1

    async def _classified(self, classifier: Classifier, done: int, at_once: int) -> AsyncIterator[Row]:
        """Finished rows in input order; at most `at_once` are under way."""
        rows = islice(_rows(self._source), done, None)
        under_way: list[asyncio.Task[Row]] = []
        try:
            for row in rows:
                under_way.append(asyncio.create_task(self._one(classifier, row)))
                if len(under_way) >= at_once:
                    yield await under_way[0]
                    del under_way[0]
            for task in under_way:
                yield await task
        finally:
            for task in under_way:
                task.cancel()

    async def _one(self, classifier: Classifier, row: Row) -> Row:
        text = row.get(self._text_column)
        if not isinstance(text, str) or not text.strip():
            return {**row, **_failure(f"there is no text in {self._text_column!r}")}
        for pause in (*_PAUSES, None):
            try:
                return {**row, **_fields(await classifier.classify(text))}
            except ModelUnavailable as exc:
                if pause is None:
                    raise ModelUnavailable(f"{exc}; run the same command again to go on with the rest") from exc
                await asyncio.sleep(pause)
            except AssistantError as exc:
                return {**row, **_failure(str(exc))}
        raise AssertionError("the last attempt returns or raises")

    def _finished(self) -> Iterator[Row]:
        with self._part.open(encoding="utf-8") as part:
            next(part)
            yield from (json.loads(line) for line in part)

    def _summarise(self, resumed: int) -> Summary:
        queues: Counter[str] = Counter()
        review = failed = tickets = 0
        for row in self._finished():
            tickets += 1
            queues[str(row[_PREFIX + "queue"])] += 1
            review += bool(row[_PREFIX + "needs_review"])
            failed += bool(row[_PREFIX + "error"])
        return Summary(tickets, resumed, review, failed, dict(queues.most_common()))

    def _publish(self) -> None:
        work = self._output.with_name(self._output.name + ".writing")
        with work.open("w", encoding="utf-8", newline="") as file:
            if self._output.suffix.lower() == ".csv":
                _write_table(file, self._finished)
            else:
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in self._finished())
            file.flush()
            os.fsync(file.fileno())
        os.replace(work, self._output)
        self._part.unlink()


def _write_table(file: TextIO, rows: Callable[[], Iterator[Row]]) -> None:
    # rows of a JSONL file need not all have the same keys
    columns = list(dict.fromkeys(key for row in rows() for key in row))
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    for row in rows():
        writer.writerow({k: json.dumps(v) if isinstance(v, (list, dict)) else v for k, v in row.items()})


def _fields(found: Classification) -> Row:
    """What was decided, as columns."""
    steps = found.steps[: len(found.path)]
    values = (
        found.path[-1].id if found.path else "",
        " > ".join(node.name for node in found.path),
        " ".join(f"{step.path_probability:.4f}" for step in steps),
        found.queue,
        found.priority,
        found.needs_review,
        found.reason,
        "",
    )
    return {_PREFIX + name: value for name, value in zip(FIELDS, values, strict=True)}


def _failure(reason: str) -> Row:
    values = ("", "", "", UNSORTED, "normal", True, "it could not be sorted", reason)
    return {_PREFIX + name: value for name, value in zip(FIELDS, values, strict=True)}


def _rows(path: Path) -> Iterator[Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() == ".csv":
                yield from _table_rows(path, file)
            else:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield _json_row(path, number, line)
    except OSError as exc:
        raise DatasetError(f"{path}: {exc.strerror}; name a .csv or .jsonl file of tickets") from exc
    except UnicodeDecodeError as exc:
        raise DatasetError(f"{path} is not UTF-8 (at byte {exc.start}); save it as UTF-8") from exc


def _table_rows(path: Path, file: Iterator[str]) -> Iterator[Row]:
    reader = csv.DictReader(file, strict=True, restkey="more", restval="")
    try:
        yield from reader
    except csv.Error as exc:
        raise DatasetError(f"{path}, line {reader.line_num}: {exc}; look for a quote left open") from exc


def _json_row(path: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise DatasetError(f"{path}, line {number}: this is not a JSON object; each line must be one")
    return row


def _find_text(path: Path, row: Row) -> str:
    found = next((c for c in _TEXT_COLUMNS if c in row), None) or (next(iter(row)) if len(row) == 1 else None)
    if found is None:
        raise DatasetError(f"{path}: which of {', '.join(row)} holds the ticket's text? Name it with --text-column")
    return found
