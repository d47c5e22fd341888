"""The process that reads untrusted files: one request a frame on standard input, one reply a frame on standard output.

A frame is four bytes of length and as much JSON. The process has no other way to say anything: it may have been taken
over by a hostile file, so what it says is checked by whoever asked (ingest.isolation), and nothing of it is unpickled.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, BinaryIO

from ingest.errors import Unreadable
from ingest.reading import FileReading, Limits

_PR_SET_PDEATHSIG = 1
HEAD = 4  # bytes of length before a frame
_NICE = 5
READY = "ready"  # the first frame, when the readers have been imported

Read = Callable[[Path, str, Limits], FileReading]


def write_frame(stream: IO[bytes], value: object) -> None:
    """Write a value as one frame; half a surrogate, which is no character, becomes a question mark."""
    data = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    stream.write(len(data).to_bytes(HEAD, "big") + data)
    stream.flush()


def read_frame(stream: BinaryIO) -> Any:
    """The next frame's value; None at the end."""
    head = stream.read(HEAD)
    if len(head) < HEAD:
        return None
    return json.loads(stream.read(int.from_bytes(head, "big")))


def serve(read: Read, requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while (request := read_frame(requests)) is not None:
        write_frame(replies, _reply(read, request))


def _reply(read: Read, request: Any) -> object:
    try:
        return {"read": asdict(read(Path(request["path"]), request["name"], Limits(**request["limits"])))}
    except Unreadable as exc:
        return {"refused": str(exc), "stage": exc.stage}
    except MemoryError:
        return {"refused": "reading it takes more memory than allowed (ingest.max_memory_mb)", "stage": "memory"}
    except RecursionError:
        return {"refused": "it is nested too deeply", "stage": "read"}
    except Exception as exc:
        # a reader that fails in its own way fails on this file alone; the reason is shown to the editor
        return {"refused": f"its reader failed ({type(exc).__name__}: {str(exc)[:200]})", "stage": "read"}


def _limit(megabytes: int) -> None:
    """No more memory than allowed, no core dumps, behind everything else, and gone with the parent."""
    size = megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """`python -m ingest.reading_worker MODULE:FUNCTION MEGABYTES`."""
    module, _, function = sys.argv[1].partition(":")
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not stand between the frames
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    _limit(int(sys.argv[2]))
    read = getattr(importlib.import_module(module), function)
    write_frame(replies, READY)
    serve(read, sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
