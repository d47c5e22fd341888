"""Sidecars: `tariffs.xlsx.meta.yaml` holds the metadata of `tariffs.xlsx`, for formats that carry none of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

import yaml

from ingest.errors import Unreadable
from ingest.metadata import AsWritten, as_strings, is_flat, tidy

SUFFIXES = (".meta.yaml", ".meta.yml")
_MOST_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar says; `title` is empty where it gives none."""

    title: str
    metadata: Mapping[str, str]


def is_sidecar(path: PurePath) -> bool:
    """Whether a file describes another one, going by its name."""
    return path.name.lower().endswith(SUFFIXES)


def sidecar_of(path: Path) -> Path | None:
    """The sidecar beside a file; None where there is none, and for a sidecar."""
    if is_sidecar(path):
        return None
    return next((beside for suffix in SUFFIXES if (beside := path.with_name(path.name + suffix)).is_file()), None)


def bytes_of(sidecar: Path) -> bytes:
    """The bytes of a sidecar. Raises Unreadable, in the stage "metadata", for one that cannot be opened or is larger
    than 64 KB."""
    try:
        with sidecar.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as exc:
        raise Unreadable(f"{sidecar.name}: {exc.strerror or type(exc).__name__}", "metadata") from exc
    return data


def content_hash(data: bytes, *sidecars: bytes) -> str:
    """SHA-256 of a document's bytes; where sidecars describe it, of its hash and theirs."""
    digest = hashlib.sha256(data).hexdigest()
    if not sidecars:
        return digest
    return hashlib.sha256(" ".join([digest, *(hashlib.sha256(s).hexdigest() for s in sidecars)]).encode()).hexdigest()


def parse(data: bytes, name: str) -> Sidecar:
    """Read the YAML of the sidecar called `name`, one mapping; an empty file says nothing.

    Raises Unreadable, in the stage "metadata", naming the file and the line at fault.
    """
    if len(data) > _MOST_BYTES:
        raise Unreadable(f"{name}: more than {_MOST_BYTES // 2**10} KB", "metadata")
    # besides its own errors PyYAML lets through those of int(), date() and of Python's stack
    try:
        values = yaml.load(data.decode("utf-8-sig"), Loader=AsWritten)
    except UnicodeDecodeError as exc:
        raise Unreadable(f"{name}: not UTF-8 at byte {exc.start}", "metadata") from exc
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as exc:
        raise Unreadable(f"{name}{_reason(exc)}", "metadata") from exc
    if values in (None, ""):
        return Sidecar("", {})
    if not isinstance(values, dict):
        raise Unreadable(f"{name}: expected lines such as 'product: Mobile', not a {type(values).__name__}", "metadata")
    nested = [str(key) for key, value in values.items() if not is_flat(value)]
    if nested:
        # to leave it out could show to customers what was meant for agents
        raise Unreadable(f"{name}: {nested[0]}: expected one value or a list, nothing nested", "metadata")
    metadata = tidy(as_strings(values))
    title = metadata.pop("title", "")
    return Sidecar(title, metadata)


def _reason(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f", line {error.problem_mark.line + 1}: {error.problem}"
    if isinstance(error, RecursionError):
        return ": nested too deeply"
    return f": {' '.join(str(error).split())}"
