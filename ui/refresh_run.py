"""A refresh in a thread: one at a time, and anybody may watch it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from assistant.errors import AssistantError
from index.errors import KnowledgeBaseError
from ingest.errors import IngestError
from ingest.reporting import Progress, RefreshReport

log = logging.getLogger(__name__)
_LOOK = 0.4  # seconds between two looks at a running refresh


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a refresh: `done` of `total` steps in `seconds`."""

    name: str
    total: int
    done: int = 0
    seconds: float = 0.0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class RefreshView:
    """How far the running refresh is, or how the last one ended; `error` is for people, without its full stop."""

    running: bool = False
    stages: tuple[Stage, ...] = ()
    report: RefreshReport | None = None
    error: str = ""
    ended: datetime | None = None


@dataclass(slots=True)
class _Watch:
    """The stages so far, and when the present one began."""

    stages: tuple[Stage, ...] = ()
    began: float = field(default_factory=time.monotonic)


class RefreshRun:
    """Runs `refresh` in a thread, never twice at once, and remembers how the last one ended."""

    def __init__(self, refresh: Callable[[Progress], RefreshReport]) -> None:
        self._refresh = refresh
        self._lock = threading.Lock()
        self._watch = _Watch()
        self._view = RefreshView()

    def start(self) -> bool:
        """Begin a refresh; False when one is running already."""
        with self._lock:
            if self._view.running:
                return False
            self._watch, self._view = _Watch(), RefreshView(running=True)
        threading.Thread(target=self._run, name="refresh", daemon=True).start()
        return True

    def view(self) -> RefreshView:
        """How things stand at this moment."""
        with self._lock:
            if not self._view.running:
                return self._view
            return replace(self._view, stages=self._timed(finished=False))

    async def watch(self) -> AsyncIterator[RefreshView]:
        """Yield a view every moment until no refresh is running; the last one says how it ended."""
        while True:
            view = self.view()
            yield view
            if not view.running:
                return
            await asyncio.sleep(_LOOK)

    def stage(self, name: str, total: int) -> None:
        """Called by the refresh when it begins a stage."""
        with self._lock:
            self._watch = _Watch((*self._timed(finished=True), Stage(name, total)))

    def advance(self, steps: int) -> None:
        """Called by the refresh for every step, or for several."""
        with self._lock:
            *before, last = self._watch.stages
            self._watch.stages = (*before, replace(last, done=last.done + steps))

    def _timed(self, *, finished: bool) -> tuple[Stage, ...]:
        if not self._watch.stages:
            return ()
        *before, last = self._watch.stages
        return (*before, replace(last, seconds=time.monotonic() - self._watch.began, finished=finished))

    def _run(self) -> None:
        report, error = None, ""
        try:
            report = self._refresh(self)
        except (AssistantError, IngestError, KnowledgeBaseError) as exc:
            error = f"The refresh failed: {exc}. It changed nothing: the knowledge base is as it was before"
        except Exception as exc:
            # nobody joins this thread: without this, the page would show a refresh that never ends
            log.exception("the refresh stopped unexpectedly")
            error = f"The refresh stopped unexpectedly ({type(exc).__name__}: {exc}); the server's log says where. Nothing half done is served"
        with self._lock:
            self._view = RefreshView(report=report, error=error, ended=datetime.now(UTC))
