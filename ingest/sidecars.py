"""Metadata beside a file: `NAME.meta.yaml`."""

from __future__ import annotations

from pathlib import Path

_SUFFIX = ".meta.yaml"


def sidecar_of(path: Path) -> Path:
    """Where a file's sidecar lies, when it has one."""
    return path.with_name(path.name + _SUFFIX)


def is_sidecar(path: Path) -> bool:
    """Whether a file is the sidecar of another."""
    return path.name.endswith(_SUFFIX)
