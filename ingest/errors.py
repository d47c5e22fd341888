"""What can go wrong while documents come in."""


class IngestError(Exception):
    """Root of every error raised by this package."""


class SourceError(IngestError):
    """A source folder that cannot be refreshed from."""


class Unreadable(IngestError):
    """One document that cannot be read; the message is the reason, without the document's name."""
