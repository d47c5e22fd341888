"""Reads untrusted files in a process of their own, with limits on time and memory, so that none can take a refresh down."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
import unicodedata
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from index.passages import Document, Section
from ingest.errors import ReaderUnavailable, Stage, Unreadable
from ingest.reading import Failure, FileReading, Limits
from ingest.reading_worker import HEAD, READY, write_frame

log = logging.getLogger(__name__)

_LARGEST = 2**28  # bytes of a reply
_PIECE = 2**20
_READ = "ingest.readers:read_file"
_START = 60  # seconds to import the readers
_END = 1  # seconds between the end of its output and that of the process
_REASON = 500  # characters
_ENVIRONMENT = ("PATH", "LANG", "LANGUAGE", "HOME", "TMPDIR", "SYSTEMROOT")


def _plain(reason: str) -> str:
    """A reason as one line that is safe to print."""
    shown = "".join(" " if unicodedata.category(c).startswith("C") else c for c in reason[: 2 * _REASON])
    return " ".join(shown.split())[:_REASON]


_Reason = Annotated[str, AfterValidator(_plain)]


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
    reason: _Reason
    stage: Stage


class _Reading(_Strict):
    documents: tuple[_Document, ...]
    failures: tuple[_Failure, ...]


class _Reply(_Strict):
    read: _Reading | None = None
    refused: _Reason = ""
    stage: Stage = "read"


class _TooLarge(Exception):
    """A reply that says it is larger than any may be."""


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
            worker.wait()
            for stream in (worker.stdin, worker.stdout):
                with contextlib.suppress(OSError):  # half a request may still wait to be sent
                    stream.close()  # type: ignore[union-attr]

    def read(self, path: Path, name: str) -> FileReading:
        """Read one file.

        Raises Unreadable, with stage "time", "memory" or "crash" where a limit ended it; ReaderUnavailable where the
        worker does not start.
        """
        worker = self._worker if self._worker is not None and self._worker.poll() is None else self._start()
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            write_frame(worker.stdin, {"path": str(path), "name": name, "limits": asdict(self._limits)})
            data = _receive(worker.stdout, time.monotonic() + self._seconds)
        except TimeoutError as exc:
            self.close()
            raise Unreadable(f"reading it takes longer than {self._seconds:g} s (ingest.max_seconds)", "time") from exc
        except _TooLarge as exc:
            self.close()
            raise Unreadable(f"its reader's answer is larger than {_LARGEST // 2**20} MB", "crash") from exc
        except (OSError, EOFError) as exc:
            raise self._died() from exc
        try:
            reply = _Reply.model_validate_json(data)
        except ValidationError as exc:
            self.close()
            log.warning("the reading process sent no valid reply about %s", name)
            raise Unreadable("its reader answered with nonsense, as if taken over by the file", "crash") from exc
        if reply.read is None:
            raise Unreadable(reply.refused, reply.stage)
        return _reading(reply.read, name)

    def _died(self) -> Unreadable:
        """Why the worker says no more; one that has only fallen silent is ended."""
        worker = self._worker
        assert worker is not None
        try:
            return _death(worker.wait(timeout=_END))
        except subprocess.TimeoutExpired:
            return Unreadable("its reader stopped answering, as if taken over by the file", "crash")
        finally:
            self.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self.close()
        # -P: what lies in the current folder is not imported
        self._worker = worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "ingest.reading_worker", self._function, str(self._megabytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        assert worker.stdin is not None
        assert worker.stdout is not None
        os.set_blocking(worker.stdin.fileno(), False)  # a worker that takes no requests must not hold us up
        try:
            if json.loads(_receive(worker.stdout, time.monotonic() + _START)) == READY:
                return worker
            how = "said something else than that it is ready"
        except TimeoutError:
            how = f"was not ready after {_START} s"
        except (OSError, EOFError, ValueError, _TooLarge):
            how = str(self._died())
        self.close()
        raise ReaderUnavailable(
            f"the process that reads files does not start ({how}); is ingest.max_memory_mb ({self._megabytes}) enough?"
        )


def _environment() -> dict[str, str]:
    """What the worker needs and no more: a hostile file finds no keys or tokens there."""
    kept = {k: v for k, v in os.environ.items() if k in _ENVIRONMENT or k.startswith("LC_")}
    path = os.pathsep.join(p for p in sys.path if p)
    # one thread: each that a numeric library starts reserves address space
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}


def _receive(stream: IO[bytes], deadline: float) -> bytes:
    """One frame. Raises TimeoutError, _TooLarge, EOFError when the other side has gone."""
    size = int.from_bytes(_exactly(stream, HEAD, deadline), "big")
    if size > _LARGEST:
        raise _TooLarge
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


def _death(code: int) -> Unreadable:
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
