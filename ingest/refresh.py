"""Bring the knowledge base up to its sources: read what changed, embed only new passages, publish."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.blending import load_blend
from index.embedding import Embedder, Vectors
from index.errors import KnowledgeBaseError
from index.generation import Contents, Generation
from index.library import KnowledgeBase
from index.passage_table import PassageRows, PassageTable
from index.vector_cache import RememberingEmbedder, VectorCache
from ingest.canaries import CANARIES, Canaries
from ingest.errors import GateClosed, SourceError
from ingest.gate import Gate
from ingest.gathering import Gathered, Gatherer
from ingest.reading import FileReader
from ingest.reporting import Clock, Progress, Quiet, RefreshReport, report_of
from ingest.sources import FileHashes, FoundFile, check_sources, files_of
from ingest.splitting import Splitter

__all__ = ["Progress", "Quiet", "RefreshPolicy", "RefreshReport", "Refresher"]

log = logging.getLogger(__name__)

_READING = 2  # raise when an unchanged file would be read differently
_SAVED = 2048  # texts embedded between two times that their vectors are put away, so that a kill costs no more


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """What is asked of a refresh.

    `max_drop` is the share of passages that may vanish at once; `keep_failed` lets the previous version of a file that
    fails serve on; `reading` names the limits that files are read under; `wait` is how long, in seconds, to wait for
    another refresh; `retry` reads what is in quarantine again; `force` publishes what the gate would stop.
    """

    max_drop: float = 1.0
    keep_failed: bool = True
    reading: str = ""
    canaries: tuple[Path, ...] = ()
    wait: float = 0
    retry: bool = False
    force: bool = False


class Refresher:
    """Refreshes one knowledge base with one embedder."""

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        embedder: Embedder,
        passage_tokens: int,
        reader: FileReader,
        policy: RefreshPolicy | None = None,
    ) -> None:
        self._knowledge_base = knowledge_base
        self._embedder = embedder
        self._reader = reader
        self._policy = policy or RefreshPolicy()
        self._splitter = Splitter(embedder, passage_tokens)
        self._cache = VectorCache(knowledge_base.folder / "vectors", embedder.fingerprint)

    def refresh(self, sources: Sequence[Path], progress: Progress | None = None) -> RefreshReport:
        """Make the knowledge base hold exactly what the sources hold now.

        A file that cannot be read is set aside and named in the report. Raises SourceError when a source does not
        exist or nothing in them can be read, GateClosed when it was stopped before publishing, KnowledgeBaseError when
        another refresh is running or the disk is full. Whatever is raised, what was served before is served on.
        """
        clock = Clock()
        check_sources(sources)
        with self._knowledge_base.writing("refresh", self._policy.wait), contextlib.closing(self._reader):
            try:
                return self._refresh(sources, clock, progress or Quiet())
            except GateClosed as exc:
                self._knowledge_base.audit.add(
                    "refuse", self._knowledge_base.current_id() or "", "; ".join(exc.reasons)
                )
                raise
            except OSError as exc:
                raise KnowledgeBaseError(
                    f"{self._knowledge_base.folder} could not be written to ({exc.strerror or exc}); the old generation still serves"
                ) from exc

    def _refresh(self, sources: Sequence[Path], clock: Clock, progress: Progress) -> RefreshReport:
        files = files_of(sources)
        before = self._previous()
        hashes = FileHashes(self._knowledge_base.folder / "files.json")
        clock.lap("scan")
        fingerprint = hashlib.sha256(f"{_READING}/{self._splitter.fingerprint}".encode()).hexdigest()[:16]
        gathered = self._gatherer(hashes).gather(files, before, fingerprint, progress)
        hashes.save()
        clock.lap("read")
        _refuse_nothing(gathered, sources, files)
        named = tuple(str(s.absolute()) for s in sources)
        if before is not None and self._same(before, gathered, named, fingerprint):
            return report_of(before.documents, before, clock, published=False, kept=gathered.kept)
        return self._publish(before, gathered, named, fingerprint, clock, progress)

    def _publish(
        self,
        before: Generation | None,
        gathered: Gathered,
        sources: Sequence[str],
        fingerprint: str,
        clock: Clock,
        progress: Progress,
    ) -> RefreshReport:
        rows = gathered.passages(before)
        vectors, embedded = self._vectors(rows, progress)
        clock.lap("embed")
        progress.stage("publishing", 1)
        contents = Contents(
            documents=gathered.documents,
            files=gathered.files,
            passages=rows,
            counts=gathered.counts(before),
            vectors=vectors,
            quarantined=gathered.quarantined,
            sources=sources,
            embedder=self._embedder.name,
            embedder_fingerprint=self._embedder.fingerprint,
            splitter_fingerprint=fingerprint,
        )
        clock.lap("words")
        self._require_room(contents)
        gate = self._gate(sources)
        generation = self._knowledge_base.publish(
            contents, lambda new: gate.judge(before, new), lambda: gate.overridden
        )
        self._cache.prune(self._knowledge_base.kept_keys)
        manifests = (g.manifest for g in self._knowledge_base.kept())
        self._cache.drop_others({m.embedder_fingerprint for m in manifests if m is not None})
        progress.advance(1)
        clock.lap("publish")
        return report_of(
            before.documents if before is not None else (),
            generation,
            clock,
            published=True,
            kept=gathered.kept,
            embedded=embedded,
            overridden=gate.overridden,
        )

    def _previous(self) -> Generation | None:
        try:
            return self._knowledge_base.current()
        except KnowledgeBaseError as exc:
            if self._knowledge_base.current_id() is not None:
                log.warning("starting from nothing: %s", exc)
            return None

    def _gatherer(self, hashes: FileHashes) -> Gatherer:
        rules = f"{_READING}/{self._policy.reading}"
        keep, retry = self._policy.keep_failed, self._policy.retry
        return Gatherer(self._reader, self._splitter, hashes, rules, keep_failed=keep, retry=retry)

    def _gate(self, sources: Sequence[str]) -> Gate:
        beside = [Path(s).parent / CANARIES for s in sources]
        canaries = Canaries.read(list(dict.fromkeys([*self._policy.canaries, *beside])))
        asking = RememberingEmbedder(self._embedder, self._cache)
        return Gate(self._policy.max_drop, canaries, asking, forced=self._policy.force)

    def _same(self, before: Generation, gathered: Gathered, sources: Sequence[str], fingerprint: str) -> bool:
        manifest = before.manifest
        return (
            not gathered.fresh
            and before.files == tuple(gathered.files)
            and manifest.quarantined == tuple(gathered.quarantined)
            and manifest.sources == sources
            and manifest.splitter_fingerprint == fingerprint
            and manifest.embedder_fingerprint == self._embedder.fingerprint
            and manifest.blend == load_blend()
        )

    def _vectors(self, rows: PassageRows, progress: Progress) -> tuple[Vectors, int]:
        """Vectors of all passages in order, and how many passages had a text that was not known."""
        known, found = self._cache.find(rows.keys)
        missing = np.flatnonzero(~known)
        _, first, which = np.unique(rows.keys[missing], return_index=True, return_inverse=True)
        new = missing[first]
        progress.stage("embedding", len(new))
        if not len(new):
            return found, 0
        table = PassageTable(memoryview(rows.lines), rows.ends, rows.keys)
        parts = []
        for start in range(0, len(new), _SAVED):
            part = new[start : start + _SAVED]
            parts.append(self._embedder.embed([table[int(row)].indexed_text for row in part], progress.advance))
            self._cache.add(rows.keys[part], parts[-1])
        computed = np.concatenate(parts)
        vectors = np.empty((len(rows), computed.shape[1]), np.float32)
        vectors[known], vectors[~known] = found.reshape(-1, computed.shape[1]), computed[which]
        return vectors, len(new)

    def _require_room(self, contents: Contents) -> None:
        """Say before writing that there is no room, rather than in the middle of it. Raises KnowledgeBaseError."""
        counts = contents.counts
        needed = (
            contents.vectors.nbytes + len(contents.passages.lines) + 2 * (counts.tokens.nbytes + counts.counts.nbytes)
        )
        free = shutil.disk_usage(self._knowledge_base.folder).free
        if free < needed:
            raise KnowledgeBaseError(
                f"the new generation needs {needed / 2**20:.1f} MB under {self._knowledge_base.folder}, where "
                f"{free / 2**20:.1f} MB are free (no space left); the old one still serves"
            )


def _refuse_nothing(gathered: Gathered, sources: Sequence[Path], files: Sequence[FoundFile]) -> None:
    if gathered.documents:
        return
    reasons = "; ".join(f"{q.name}: {q.reason}" for q in gathered.quarantined[:3])
    names = ", ".join(str(s) for s in sources)
    raise SourceError(f"nothing could be read from {names} ({len(files)} files; {reasons})")
