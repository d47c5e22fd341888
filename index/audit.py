"""Who changed what the knowledge base serves, when and why."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from index.errors import KnowledgeBaseError

_FILE = "audit.jsonl"
Action = Literal["refresh", "force", "refuse", "rollback", "prune"]


class AuditEntry(BaseModel, frozen=True):
    """One change: `generation` is the one served afterwards."""

    time: str
    user: str
    action: Action
    generation: str
    reason: str


class AuditLog:
    """A file of JSON lines that is only ever appended to."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    def add(self, action: Action, generation: str, reason: str) -> None:
        """Append an entry and have the disk hold it. Raises OSError."""
        entry = AuditEntry(
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            user=_user(),
            action=action,
            generation=generation,
            reason=reason,
        )
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as file:
            # a line that a kill cut short must not swallow this one
            torn = file.tell() > 0 and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n"
            file.write(b"\n" * torn + entry.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> Sequence[AuditEntry]:
        """All entries, oldest first; a line cut short by a kill is passed over. Raises KnowledgeBaseError."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise KnowledgeBaseError(f"{self._path} cannot be read ({exc.strerror})") from exc
        found: list[AuditEntry] = []
        for line in lines:
            try:
                found.append(AuditEntry.model_validate_json(line))
            except ValidationError:
                continue
        return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
