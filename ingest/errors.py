"""What can go wrong while documents come in."""


class IngestError(Exception):
    """Root of every error raised by this package."""


class SourceError(IngestError):
    """A source folder that cannot be refreshed from."""


class Unreadable(IngestError):
    """One document that cannot be read; the message is the reason, without the document's name.

    `stage` says where it failed: "open", "read", "archive" or "metadata".
    """

    # set after Exception took the reason alone as its argument, so that both survive the way between processes
    def __init__(self, reason: str, stage: str = "read") -> None:
        super().__init__(reason)
        self.stage = stage
