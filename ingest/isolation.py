"""Reads untrusted files in a process of their own, with limits on time and memory, so that none can take a refresh down."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from index.passages import Document, Section
from ingest.errors import Unreadable
from ingest.readers import Failure, FileReading, Limits
from ingest.reading_worker import write_frame

log = logging.getLogger(__name__)

_HEAD = 4
_LARGEST = 2**28  # bytes of a reply
_PIECE = 2**20
_READ = "ingest.readers:read_file"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Section(_Strict):
    heading: tuple[str, ...]
    text: str
    page: int | None


class _Document(_Strict):
    name: str
    title: str
    sections: tuple[_Section, ...]
    content_hash: str
    metadata: dict[str, str]


class _Failure(_Strict):
    name: str
    reason: str
    stage: str


class _Reading(_Strict):
    documents: tuple[_Document, ...]
    failures: tuple[_Failure, ...]


class _Reply(_Strict):
    read: _Reading | None = None
    refused: str = ""
    stage: str = "read"


class IsolatedReader:
    """Reads one file after another in a worker process, which is started when it is needed and again when it died.

    `seconds` is how long a file may take, `megabytes` how much memory the worker may use. `function` names what reads,
    as MODULE:FUNCTION.
    """

    def __init__(self, limits: Limits, seconds: float, megabytes: int, function: str = _READ) -> None:
        self._limits = limits
        self._seconds = seconds
        self._megabytes = megabytes
        self._function = function
        self._worker: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> IsolatedReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()
            worker.communicate()

    def read(self, path: Path, name: str) -> FileReading:
        """Read one file. Raises Unreadable, with stage "time", "memory" or "crash" where a limit ended it."""
        worker = self._worker if self._worker is not None and self._worker.poll() is None else self._start()
        self._worker = worker
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            write_frame(worker.stdin, {"path": str(path), "name": name, "limits": asdict(self._limits)})
            data = _receive(worker.stdout, time.monotonic() + self._seconds)
        except TimeoutError as exc:
            self.close()
            raise Unreadable(f"reading it takes longer than {self._seconds:g} s (ingest.max_seconds)", "time") from exc
        except (OSError, EOFError) as exc:
            worker.wait()
            self._worker = None
            raise _died(worker.returncode) from exc
        try:
            reply = _Reply.model_validate_json(data)
        except ValidationError as exc:
            self.close()
            log.warning("the reading process sent no valid reply about %s", name)
            raise Unreadable("its reader answered with nonsense, as if taken over by the file", "crash") from exc
        if reply.read is None:
            raise Unreadable(reply.refused, reply.stage)
        return _reading(reply.read, name)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "ingest.reading_worker", self._function, str(self._megabytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # one thread: each that a numeric library starts reserves address space
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": _path()},
        )


def _path() -> str:
    return os.pathsep.join(p for p in sys.path if p)


def _receive(stream: IO[bytes], deadline: float) -> bytes:
    """One frame. Raises TimeoutError, EOFError when the other side has gone."""
    size = int.from_bytes(_exactly(stream, _HEAD, deadline), "big")
    if size > _LARGEST:
        raise EOFError
    return _exactly(stream, size, deadline)


def _exactly(stream: IO[bytes], size: int, deadline: float) -> bytes:
    held = bytearray()
    with selectors.DefaultSelector() as ready:
        ready.register(stream, selectors.EVENT_READ)
        while len(held) < size:
            if not ready.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError
            piece = os.read(stream.fileno(), min(_PIECE, size - len(held)))
            if not piece:
                raise EOFError
            held += piece
    return bytes(held)


def _died(code: int) -> Unreadable:
    if code == -signal.SIGKILL:
        return Unreadable("its reader was killed, most likely for want of memory", "memory")
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return Unreadable(f"its reader died of it ({how})", "crash")


def _reading(read: _Reading, name: str) -> FileReading:
    """The values of a reply; a name that is not the file's own, or inside it, is not believed."""
    documents = tuple(
        Document(d.name, d.title, tuple(Section(**dict(s)) for s in d.sections), d.content_hash, d.metadata)
        for d in read.documents
    )
    failures = tuple(Failure(f.name, f.reason, f.stage) for f in read.failures)
    if any(
        n != name and not n.startswith(f"{name}/") for n in [*(d.name for d in documents), *(f.name for f in failures)]
    ):
        raise Unreadable("its reader answered about another file, as if taken over by this one", "crash")
    return FileReading(documents, failures)
