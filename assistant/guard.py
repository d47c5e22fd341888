"""Runs one command and makes sure that nothing of it outlives the process that asked for it.

`python -m assistant.guard COMMAND...` starts the command and watches its own standard input, the read end of a
pipe whose write end the asking process holds. However that process ends, even by SIGKILL, the pipe closes; then
the command and all its descendants are killed. They are killed as well when the command itself ends.
Nothing heavy may be imported here: this starts with every model.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _die_with_guard() -> None:
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def kill_descendants() -> None:
    """Kill every process below this one, until none is left."""
    for _ in range(20):
        children = psutil.Process().children(recursive=True)
        if not children:
            return
        for child in children:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(children, timeout=1)


def main(command: list[str]) -> int:
    # orphaned grandchildren are handed to this process, so that they can still be found
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _end(143))
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_guard)
    threading.Thread(target=_wait_for_parent, daemon=True).start()
    code = child.wait()
    kill_descendants()
    return code if code >= 0 else 128 - code


def _wait_for_parent() -> None:
    while os.read(0, 1):
        pass
    _end(0)


def _end(code: int) -> None:
    kill_descendants()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
