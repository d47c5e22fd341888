"""Refreshes whenever the sources change, until it is told to stop."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchfiles import Change, watch

from index.errors import KnowledgeBaseError
from ingest.errors import GateClosed, IngestError, SourceError
from ingest.reporting import RefreshReport
from ingest.sources import FoundFile, files_of

_TICK = 0.2  # seconds between two looks
_POLL = 0.5  # seconds at least between two rounds through all files, where the file system does not tell of changes
_SHARE = 10  # times as long as a round took is waited before the next, so that a large folder is not read all the time

Outcome = RefreshReport | IngestError | KnowledgeBaseError


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: how long nothing must have changed before a refresh, how long changes may put it off, and after how
    long a refresh that failed for a reason outside the sources is tried again."""

    quiet: float = 1
    longest: float = 5
    again: float = 30


class Watcher:
    """Calls `refresh` at the start and after changes; `tell` gets what it returned or why it failed.

    `poll` looks through all files again and again, for drives that do not tell of changes. Sources may vanish and come
    back, or be replaced by others of the same name.
    """

    def __init__(
        self,
        sources: Sequence[Path],
        refresh: Callable[[], RefreshReport],
        tell: Callable[[Outcome], None],
        *,
        poll: bool = False,
        patience: Patience | None = None,
    ) -> None:
        self._sources = [source.absolute() for source in sources]
        self._refresh = refresh
        self._tell = tell
        self._poll = poll
        self._patience = patience or Patience()

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set. Raises SourceError where the sources cannot be watched."""
        last = time.monotonic()
        first: float | None = last  # of the changes that no refresh has seen
        again: float | None = None
        for changed in self._ticks(stop):
            now = time.monotonic()
            if changed or (again is not None and now >= again):
                first, last, again = first or now, now, None
            patience = self._patience
            if first is not None and (now - last >= patience.quiet or now - first >= patience.longest):
                first = None  # what changes from here on is for the next one
                again = None if self._refreshed() else time.monotonic() + patience.again

    def _refreshed(self) -> bool:
        """Whether there is nothing to be tried again before something changes."""
        outcome: Outcome
        try:
            outcome = self._refresh()
        except (IngestError, KnowledgeBaseError) as exc:
            outcome = exc
        self._tell(outcome)
        return isinstance(outcome, RefreshReport | GateClosed | SourceError)

    def _ticks(self, stop: threading.Event) -> Iterator[bool]:
        """Several times a second: whether anything changed since the last time."""
        if self._poll:
            yield from self._polled(stop)
        while not stop.is_set():
            places = self._places()
            yield True  # what changed while nobody watched
            for changed in self._watched(stop, places):
                if self._places() != places:
                    break
                yield changed

    def _polled(self, stop: threading.Event) -> Iterator[bool]:
        before, due = None, 0.0
        while not stop.is_set():
            began = time.monotonic()
            if began < due:
                yield False
            else:
                looks = self._looks()
                due = time.monotonic() + max(_POLL, _SHARE * (time.monotonic() - began))
                yield looks != before
                before = looks
            stop.wait(_TICK)

    def _looks(self) -> list[FoundFile] | str:
        try:
            return files_of(self._sources)
        except SourceError as exc:
            return str(exc)

    def _watched(self, stop: threading.Event, places: Sequence[tuple[int, int] | None]) -> Iterator[bool]:
        there = [source for source, place in zip(self._sources, places, strict=True) if place is not None]
        if not there:
            while not stop.wait(_TICK):
                yield False
            return
        tick = round(1000 * _TICK)
        try:
            ticks = watch(
                *there,
                watch_filter=self._matters,
                debounce=tick,
                rust_timeout=tick,
                yield_on_timeout=True,
                stop_event=stop,
                ignore_permission_denied=True,
            )
            with contextlib.closing(ticks):
                for changes in ticks:
                    yield bool(changes)
        except FileNotFoundError:
            return  # it vanished a moment ago
        except (OSError, RuntimeError) as exc:
            raise SourceError(f"the sources cannot be watched ({exc}); try: switchboard kb watch --poll") from exc

    def _places(self) -> list[tuple[int, int] | None]:
        """Which file or folder each source is now; one that came back is another one."""
        return [_place(source) for source in self._sources]

    def _matters(self, _: Change, path: str) -> bool:
        """Whether a refresh looks at the file: hidden ones below a source are passed over."""
        for source in self._sources:
            with contextlib.suppress(ValueError):
                return not any(part.startswith(".") for part in Path(path).relative_to(source).parts)
        return True


def _place(source: Path) -> tuple[int, int] | None:
    try:
        status = source.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
