"""Whether a new generation may take the place of the old one."""

from __future__ import annotations

import numpy as np

from index.embedding import Embedder
from index.generation import Generation
from index.records import CanaryResult
from ingest.canaries import Canaries
from ingest.errors import GateClosed

_NAMED = 3  # examples in a reason


class Gate:
    """Stops a generation that loses more than `max_drop` of the old one's passages, does worse on the canaries, or
    holds a document that must never be cited; when forced, it only remembers why it would have."""

    def __init__(self, max_drop: float, canaries: Canaries | None, embedder: Embedder, *, forced: bool) -> None:
        self._max_drop = max_drop
        self._canaries = canaries
        self._embedder = embedder
        self._forced = forced
        self.overridden: tuple[str, ...] = ()

    def judge(self, old: Generation | None, new: Generation) -> CanaryResult | None:
        """How the new generation did on the canaries. Raises GateClosed."""
        reasons = self._lost(old, new) if old is not None else []
        result = None
        if self._canaries is not None:
            if forbidden := self._canaries.citable(new):
                reasons.append(f"it holds {_some(forbidden)}, which must never be cited")
            result = self._canaries.ask(new, self._embedder)
            reasons += self._worse(old, result)
        if reasons and not self._forced:
            raise GateClosed(reasons)
        self.overridden = tuple(reasons)
        return result

    def _lost(self, old: Generation, new: Generation) -> list[str]:
        lost, names = lost_passages(old, new)
        share = lost / max(len(old.passages), 1)
        if share <= self._max_drop:
            return []
        return [
            f"{lost} of {len(old.passages)} passages ({share:.0%}) would vanish, more than ingest.max_drop allows "
            f"({self._max_drop:.0%}): {_some(names)}"
        ]

    def _worse(self, old: Generation | None, result: CanaryResult) -> list[str]:
        if old is None or self._canaries is None or not result.asked:
            return []
        before = old.manifest.canaries
        if old.manifest.embedder_fingerprint == self._embedder.fingerprint:
            before = self._canaries.ask(old, self._embedder)
        elif before is None or before.canaries != self._canaries.hash:
            return []  # the old generation cannot be asked by this embedder, and nobody asked it these before
        if len(result.missed) <= len(before.missed):
            return []
        newly = [q for q in result.missed if q not in before.missed]
        found, was = result.asked - len(result.missed), before.asked - len(before.missed)
        return [
            f"{found} of {result.asked} canary questions find their document, {was} did before; now missed: {_some(newly)}"
        ]


def lost_passages(old: Generation, new: Generation) -> tuple[int, list[str]]:
    """How many of the old passages have nothing in their place, and the documents that lose most, most first.

    A document that is gone loses what is found nowhere else, one that is shorter what it is shorter by; where passages
    are cut differently by now, only documents that are gone count.
    """
    gone = ~np.isin(old.passages.keys, new.passages.keys)
    recut = old.manifest.splitter_fingerprint != new.manifest.splitter_fingerprint
    held = {f"{d.title}\x1f{d.content_hash}" for d in new.documents}
    losses: dict[str, int] = {}
    for document in old.documents:
        rows = old.spans[document.name]
        if document.name in new.spans:
            loss = 0 if recut else max(0, len(rows) - len(new.spans[document.name]))
        elif recut:
            loss = 0 if f"{document.title}\x1f{document.content_hash}" in held else len(rows)
        else:
            loss = int(gone[rows.start : rows.stop].sum())
        if loss:
            losses[document.name] = loss
    return sum(losses.values()), sorted(losses, key=lambda name: -losses[name])


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
