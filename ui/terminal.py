"""Progress in a terminal, on stderr, so that stdout stays what a program can read."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.status import Status

console = Console(stderr=True)


class TerminalProgress:
    """A bar for each stage of a refresh, with the time left."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def stage(self, name: str, total: int) -> None:
        self._task = self._bars.add_task(name, total=total)

    def advance(self, steps: int) -> None:
        if self._task is not None:
            self._bars.advance(self._task, steps)


class StatusLine:
    """One line that changes while something is waited for; plain lines where there is no terminal."""

    def __init__(self) -> None:
        self._status = Status("", console=console)
        self._said = ""

    def __enter__(self) -> StatusLine:
        if console.is_terminal:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._status.stop()

    def say(self, text: str) -> None:
        if console.is_terminal:
            self._status.update(text)
            return
        topic = text.split(",")[0]
        if topic != self._said:
            self._said = topic
            console.print(text, markup=False, highlight=False)
