"""One writer at a time, who says who it is."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from index.errors import KnowledgeBaseBusy

LOCK = "refresh.lock"
_HOLDER = "refresh.holder.json"


@contextlib.contextmanager
def writing(folder: Path, what: str, wait: float = 0) -> Iterator[None]:
    """Hold a knowledge base for the length of a `with` block; `what` is the holder's word for it, `wait` in seconds.

    The system lets go of a lock when its process dies, however it does. Raises KnowledgeBaseBusy, saying who has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(folder / LOCK), timeout=wait)
    try:
        lock.acquire()
    except Timeout as exc:
        raise KnowledgeBaseBusy(
            f"another refresh of this knowledge base is running{_holder(folder)}; wait for it to end, or use --wait SECONDS"
        ) from exc
    try:
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "what": what, "since": _now()}
        with contextlib.suppress(OSError):  # it only says who has the lock; a full disk is found out soon enough
            (folder / _HOLDER).write_text(json.dumps(facts), encoding="utf-8")
        yield
    finally:
        (folder / _HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(folder: Path) -> str:
    try:
        facts = json.loads((folder / _HOLDER).read_text(encoding="utf-8"))
        return f" ({facts['what']}, process {facts['pid']} on {facts['host']}, since {facts['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # it has not said yet


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
