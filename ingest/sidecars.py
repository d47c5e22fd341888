"""Metadata beside a file: `NAME.meta.yaml`."""

from __future__ import annotations

from pathlib import Path, PurePath

_SUFFIX = ".meta.yaml"


def sidecar_of(path: Path) -> Path | None:
    """The sidecar beside a file, None where there is none."""
    beside = path.with_name(path.name + _SUFFIX)
    return beside if beside.is_file() else None


def is_sidecar(path: PurePath) -> bool:
    """Whether a file is the sidecar of another."""
    return path.name.endswith(_SUFFIX)
