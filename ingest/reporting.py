"""What a refresh says while it runs and when it has ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from index.generation import Generation
from index.records import CanaryResult, IndexedDocument, Quarantined


class Progress(Protocol):
    """Told what a refresh is doing: `stage` begins one of `total` steps, `advance` counts them."""

    def stage(self, name: str, total: int) -> None: ...

    def advance(self, steps: int) -> None: ...


class Quiet:
    """Progress that nobody watches."""

    def stage(self, name: str, total: int) -> None:
        del name, total

    def advance(self, steps: int) -> None:
        del steps


class Clock:
    """Seconds per stage."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 3)
        self._last = now


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a refresh did; counts are of documents where nothing else is said, times in seconds.

    `kept` are documents that serve in their previous version because their file was set aside; `overridden` are the
    reasons for which it would have been stopped, had it not been forced.
    """

    generation: str
    published: bool
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    quarantined: tuple[Quarantined, ...]
    kept: tuple[str, ...]
    documents: int
    passages: int
    embedded: int
    reused: int
    seconds: dict[str, float]
    canaries: CanaryResult | None = None
    overridden: tuple[str, ...] = ()


def report_of(
    before: Sequence[IndexedDocument],
    generation: Generation,
    clock: Clock,
    *,
    published: bool,
    kept: Sequence[str] = (),
    embedded: int = 0,
    overridden: Sequence[str] = (),
) -> RefreshReport:
    """The report of a refresh that ended with `generation` being current."""
    old = {d.name: d for d in before}
    new = {d.name: d for d in generation.documents}
    manifest = generation.manifest
    return RefreshReport(
        generation=generation.id,
        published=published,
        added=tuple(n for n in new if n not in old),
        changed=tuple(n for n, d in new.items() if n in old and old[n] != d),
        removed=tuple(n for n in old if n not in new),
        unchanged=sum(1 for n, d in new.items() if old.get(n) == d),
        quarantined=manifest.quarantined,
        kept=tuple(kept),
        documents=len(new),
        passages=manifest.passages,
        embedded=embedded,
        reused=manifest.passages - embedded,
        seconds=clock.laps,
        canaries=manifest.canaries,
        overridden=tuple(overridden),
    )
