"""What can go wrong while documents come in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Stage = Literal["open", "read", "archive", "metadata", "time", "memory", "crash"]


class IngestError(Exception):
    """Root of every error raised by this package."""


class SourceError(IngestError):
    """A source folder that cannot be refreshed from."""


class ReaderUnavailable(IngestError):
    """The process that reads files does not start, which is no file's fault."""


class CanaryError(IngestError):
    """A file of canaries that cannot be understood."""


class GateClosed(IngestError):
    """A refresh that was stopped before publishing; `reasons` are for people."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(
            f"the refresh was stopped before publishing: {'; '.join(reasons)}. The old generation still serves; "
            "look at the sources, or publish all the same with: switchboard kb refresh --force"
        )
        self.reasons = tuple(reasons)


class Unreadable(IngestError):
    """One document that cannot be read; the message is the reason, without the document's name.

    `stage` says where it failed: "open", "read", "archive", "metadata"; or what ended it: "time", "memory", "crash".
    """

    # set after Exception took the reason alone as its argument, so that both survive the way between processes
    def __init__(self, reason: str, stage: str = "read") -> None:
        super().__init__(reason)
        self.stage = stage
