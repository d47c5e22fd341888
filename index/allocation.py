"""Keeps freed memory in the process: networks on a processor ask for the same large blocks again and again."""

from __future__ import annotations

import ctypes
import platform

# numbers of glibc's mallopt
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Let large blocks come from the heap and stay there once freed.

    By default glibc maps each block of some megabytes anew and gives it back at once, so that every layer's output
    begins with page faults; on a virtual machine that took up to seven eighths of a training step. Elsewhere than on
    glibc nothing happens.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
