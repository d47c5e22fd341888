"""A file of tickets that came through the page: in a folder of its own, sorted while the page looks on."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from assistant.assembly import ChatService
from assistant.errors import AssistantError, ModelUnavailable
from assistant.serving import State
from assistant.triage.batch import Batch, Summary
from index.errors import KnowledgeBaseError
from ui.web.tickets import BEAT, SharedClassifier
from ui.web.waiting import Patience, away

_KEPT = 24 * 3600.0  # seconds that tickets and results stay here
_TELLING = 3.0  # seconds of work before the time left means anything
_SORTED = "sorted"


class Phase(Enum):
    """How far a file has come."""

    UNDER_WAY = "under way"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A file of tickets as the page holds it.

    `begun` is the model and the text column of the rows that are done; `seconds_left` is None while nothing tells.
    """

    source: Path
    phase: Phase = Phase.UNDER_WAY
    note: str = "Reading the file…"
    total: int = 0
    done: int = 0
    seconds_left: float | None = None
    begun: tuple[str, str] | None = None
    summary: Summary | None = None
    result: Path | None = None

    @property
    def resumable(self) -> bool:
        """Whether it makes sense to go on."""
        return self.phase in (Phase.STOPPED, Phase.FAILED)

    @property
    def again(self) -> str:
        """What going on is called."""
        return "Go on" if self.done else "Try again"

    def stopped(self) -> Job:
        """After the stop button: finished rows are kept."""
        if self.phase is not Phase.UNDER_WAY:
            return self
        return replace(self, phase=Phase.STOPPED, note="Stopped. The rows that are done are kept.", seconds_left=None)


class Uploads:
    """A private folder for every file that comes in; after a day it is removed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, upload: Path) -> Job:
        """Move a file to a folder that nobody else has."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._forget()
        own = self._folder / secrets.token_urlsafe(12)
        own.mkdir(mode=0o700)
        return Job(Path(shutil.move(upload, own / upload.name)))

    def _forget(self) -> None:
        for folder in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another upload may be clearing up too
                if time.time() - folder.stat().st_mtime > _KEPT:
                    shutil.rmtree(folder, ignore_errors=True)


class FileSorter:
    """Sorts files, and tells how far it is."""

    def __init__(self, shared: SharedClassifier, service: ChatService, at_once: int) -> None:
        self._shared = shared
        self._service = service
        self._at_once = at_once

    async def run(self, job: Job, text_column: str = "") -> AsyncIterator[Job]:
        """Yield the job about twice a second; the last one is done or failed. What was done before is gone on with."""
        now = replace(job, phase=Phase.UNDER_WAY, note="Reading the file…", seconds_left=None)
        try:
            async for later in self._steps(now, text_column.strip()):
                now = later
                yield now
        except ModelUnavailable as exc:
            # a batch's own words end with what to do on the command line
            cause = exc.__cause__ if isinstance(exc.__cause__, ModelUnavailable) else exc
            yield _failed(now, f"{cause}. {'The rows that are done are kept.' if now.done else 'Your file is kept.'}")
        except (AssistantError, KnowledgeBaseError) as exc:
            yield _failed(now, _in_words_of_the_page(exc, job))
        except OSError as exc:
            yield _failed(now, f"{job.source.name} cannot be read or its result not written: {exc.strerror or exc}.")

    async def _steps(self, job: Job, text_column: str) -> AsyncIterator[Job]:
        yield job
        folder = job.source.parent / _SORTED
        result = folder / f"{job.source.stem}-sorted{job.source.suffix}"
        # looked at first: a file that cannot be used need not wait for anything
        batch = await asyncio.to_thread(Batch, job.source, result, text_column)
        job = replace(job, total=batch.total, note="")
        async for note in self._shared.open():
            yield replace(job, note=note)
        async for note in self._until_ready():
            yield replace(job, note=note)
        model = self._service.model.name
        if job.begun != (model, text_column):
            # rows of another model or column would not go together with new ones
            shutil.rmtree(folder, ignore_errors=True)
            job = replace(job, begun=(model, text_column), done=0)
        folder.mkdir(exist_ok=True, mode=0o700)
        async for later in self._sorted(job, batch, model):
            job = later
            yield job
        yield replace(job, phase=Phase.DONE, note="", result=result, done=job.total, seconds_left=None)

    async def _until_ready(self) -> AsyncIterator[str]:
        """Yield what to tell people until the model answers. Raises ModelUnavailable when it stays away."""
        patience = Patience(self._service, "Your file is kept and will be sorted as soon as it is back.")
        while True:
            try:
                _ = self._service.model.name
            except ModelUnavailable:
                if patience.over:
                    raise
                yield patience.note
                await patience.until_ready()
            else:
                return

    async def _sorted(self, job: Job, batch: Batch, model: str) -> AsyncIterator[Job]:
        steps: asyncio.Queue[int] = asyncio.Queue()
        run = asyncio.create_task(batch.run(self._shared.classifier, model, self._at_once, steps.put_nowait))
        pace = _Pace(job.total)
        try:
            while not run.done():
                await asyncio.wait({run}, timeout=BEAT)
                while not steps.empty():
                    pace.advance(steps.get_nowait())
                job = replace(job, done=pace.done, seconds_left=pace.seconds_left(), note=self._note())
                yield job
            yield replace(job, summary=await run)
        finally:
            run.cancel()

    def _note(self) -> str:
        if self._service.state is State.READY:
            return ""
        return f"{away(self._service)} The rows that are done are kept, and the rest follows as soon as it is back."


class _Pace:
    """How many rows are done, and how long the rest takes at the pace so far."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._began = time.monotonic()
        self._before: int | None = None
        self.done = 0

    def advance(self, rows: int) -> None:
        """The first call says how many were done before."""
        if self._before is None:
            self._before = rows
        self.done += rows

    def seconds_left(self) -> float | None:
        passed = time.monotonic() - self._began
        fresh = self.done - (self._before or 0)
        return passed / fresh * (self._total - self.done) if fresh and passed > _TELLING else None


def _failed(job: Job, note: str) -> Job:
    return replace(job, phase=Phase.FAILED, note=note, seconds_left=None)


def _in_words_of_the_page(error: Exception, job: Job) -> str:
    """An error without the folder that only we know, and with what the page has instead of options."""
    words = str(error).replace(f"{job.source.parent}/", "").replace(f"{_SORTED}/", "")
    return words.replace("with --text-column", "under “Column with the text”") + "."
