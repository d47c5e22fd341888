"""What each arm answered to each question: one line of a file each, kept so that a run that was killed can go on."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, Field, ValidationError, model_validator

from eval.errors import EvaluationError

log = logging.getLogger(__name__)

Arm = Literal["base", "base+retrieval", "tuned", "tuned+retrieval"]
ARMS: tuple[Arm, ...] = get_args(Arm)
Key = tuple[str, str]  # arm, question id
_BEGINNING = b'{"format":"switchboard-arms-1"'


class Shown(BaseModel, frozen=True):
    """A passage as the model saw it, under the number that it may cite."""

    number: int
    document: str
    heading: str
    text: str


class Record(BaseModel, frozen=True):
    """One arm's answer to one question.

    `answer` is what a person reads, `draft` what the model wrote. `sentences` counts the draft's sentences, 0 when it
    only declines; `supported` are those that a given passage supports, before any is taken out. `citations` are the
    draft's citation marks.
    """

    arm: Arm
    question_id: str
    question: str
    style: str
    answerable: bool
    reference: str
    answer: str
    draft: str
    declined: bool
    draft_declined: bool
    sentences: int = Field(ge=0)
    supported: int = Field(ge=0)
    citations: int = Field(ge=0)
    correct_citations: int = Field(ge=0)
    passages: tuple[Shown, ...] = ()
    seconds: float = Field(ge=0, allow_inf_nan=False)
    prompt_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)

    @property
    def key(self) -> Key:
        return self.arm, self.question_id

    @model_validator(mode="after")
    def _parts_are_not_more_than_wholes(self) -> Record:
        if self.supported > self.sentences or self.correct_citations > self.citations:
            raise ValueError("more sentences supported, or citations correct, than there are")
        return self


class RunSettings(BaseModel, frozen=True, extra="forbid"):
    """What answers depend on: records made with other settings do not belong in the same file.

    `questions` is the SHA-256 of the questions asked, `models` the name of each arm's model, `adapter` the version
    that was tuned, `generation` that of the knowledge base, `options` anything else. `created` is when the run began;
    it may differ.
    """

    questions: str
    models: dict[Arm, str]
    adapter: str
    generation: str
    created: AwareDatetime
    options: dict[str, str] = {}

    def differing(self, other: RunSettings) -> list[str]:
        """Names of the settings that are not the same, `created` left out."""
        names = (n for n in type(self).model_fields if n != "created")
        return [n for n in names if getattr(self, n) != getattr(other, n)]


class _Header(BaseModel, frozen=True):
    format: Literal["switchboard-arms-1"] = "switchboard-arms-1"
    settings: RunSettings


@dataclass(frozen=True, slots=True)
class Run:
    """What a file of records holds; `dropped` bytes at its end are a line that was never finished, `whole` come first."""

    settings: RunSettings
    records: tuple[Record, ...]
    whole: int
    dropped: int


def read_run(path: Path) -> Run:
    """Read a file of records, without what was written in halves at its end.

    Raises EvaluationError naming the line that is wrong, or that answers a question once more.
    """
    run = _read(path)
    if run is None:
        raise EvaluationError(f"{path} holds no run; name a file that `switchboard eval rag-vs-tuning` has written")
    return run


class RecordFile:
    """The file of one run, open for more records; nobody else can add to it meanwhile.

    What was half written when an earlier process was killed is cut off first, its length being `dropped` bytes.
    """

    def __init__(self, path: Path, run: Run, lock: FileLock) -> None:
        self._path = path
        self._lock = lock
        self._records = list(run.records)
        self._done = {r.key for r in run.records}
        self._end = run.whole
        self.settings = run.settings
        self.dropped = run.dropped

    @classmethod
    def open(cls, path: Path, settings: RunSettings) -> RecordFile:
        """Begin a file, or go on with one. Raises EvaluationError when it was begun with other settings, is damaged,
        or is being written by another process."""
        lock = FileLock(f"{path}.lock", timeout=0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as exc:
            raise EvaluationError(
                f"another run is writing to {path}; wait for it to end, or name another file"
            ) from exc
        except OSError as exc:
            raise EvaluationError(f"{path} cannot be written: {exc.strerror}; name another file") from exc
        try:
            return cls(path, _resume(path, settings) or _begin(path, settings), lock)
        except BaseException:
            lock.release()
            raise

    def done(self) -> set[Key]:
        """The arms and questions that need not be asked again."""
        return set(self._done)

    def records(self) -> tuple[Record, ...]:
        """All records, in the order they were added."""
        return tuple(self._records)

    def append(self, record: Record) -> None:
        """Add a record; it is on the disk when this returns. Raises EvaluationError when the arm has answered the
        question before, or when the disk takes no more: the file is then as it was."""
        if record.key in self._done:
            raise EvaluationError(f"{record.arm} has already answered {record.question_id} in {self._path}")
        self._end = _add(self._path, self._end, record)
        self._done.add(record.key)
        self._records.append(record)

    def close(self) -> None:
        """Let others write to the file."""
        self._lock.release()

    def __enter__(self) -> RecordFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _resume(path: Path, settings: RunSettings) -> Run | None:
    run = _read(path)
    if run is None:
        return None
    differing = run.settings.differing(settings)
    if differing:
        changes = "; ".join(f"{n}: {getattr(run.settings, n)} there, {getattr(settings, n)} now" for n in differing)
        raise EvaluationError(
            f"{path} was begun with other settings ({changes}); name another file, or delete this one"
        )
    if run.dropped:
        log.warning("%s: the last line was half written (%d bytes) and is dropped", path, run.dropped)
        os.truncate(path, run.whole)
    return run


def _begin(path: Path, settings: RunSettings) -> Run:
    # there may be half a header
    dropped = path.stat().st_size if path.exists() else 0
    return Run(settings, (), _add(path, 0, _Header(settings=settings)), dropped)


def _add(path: Path, end: int, line: BaseModel) -> int:
    """Write a line where the file ends, and give its new end; a line that does not fit is taken back."""
    data = line.model_dump_json().encode() + b"\n"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            os.ftruncate(handle, end)
            written = 0
            while written < len(data):
                written += os.pwrite(handle, data[written:], end + written)
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, end)
            raise
        finally:
            os.close(handle)
    except OSError as exc:
        raise EvaluationError(
            f"{path} cannot be written: {exc.strerror}; make room, then run the command again"
        ) from exc
    return end + len(data)


def _read(path: Path) -> Run | None:
    """The run in a file; None when there is none, not even a whole first line."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise EvaluationError(f"{path} cannot be read: {exc.strerror}") from exc
    # a line is whole when its end is there: it is written last
    whole = data.rfind(b"\n") + 1
    lines = data[:whole].split(b"\n")[:-1]
    if not lines:
        if not _BEGINNING.startswith(data[: len(_BEGINNING)]):
            raise EvaluationError(f"{path} is not a file of records; name another file")
        return None
    try:
        header = _Header.model_validate_json(lines[0])
    except ValidationError as exc:
        raise EvaluationError(f"{path} is not a file of records of this version; name another file") from exc
    return Run(header.settings, _parse(path, lines[1:]), whole, len(data) - whole)


def _parse(path: Path, lines: Iterable[bytes]) -> tuple[Record, ...]:
    records: dict[Key, Record] = {}
    for number, line in enumerate(lines, start=2):
        try:
            record = Record.model_validate_json(line)
        except ValidationError as exc:
            reason = exc.errors()[0]["msg"]
            raise EvaluationError(f"{path}, line {number}: {reason}; remove the line to have it asked again") from exc
        if record.key in records:
            raise EvaluationError(
                f"{path}, line {number}: {record.arm} answers {record.question_id} a second time; remove one of the lines"
            )
        records[record.key] = record
    return tuple(records.values())
