"""What every reader returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from index.passages import Section


@dataclass(frozen=True, slots=True)
class Reading:
    """A file's content: `title` may be empty where the file names none; `sections` in reading order."""

    title: str
    sections: tuple[Section, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
