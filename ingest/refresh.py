"""Bring the knowledge base up to its sources: read what changed, embed only new passages, publish."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from filelock import FileLock, Timeout

from index.checksums import sha256_of
from index.embedding import Embedder, Vectors
from index.errors import KnowledgeBaseError
from index.generation import Contents, Generation, IndexedDocument, SkippedDocument
from index.library import KnowledgeBase
from index.passages import Passage
from ingest.errors import SourceError, Unreadable
from ingest.readers import read_document
from ingest.splitting import Splitter

log = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a refresh did; counts are of documents where nothing else is said, times in seconds."""

    generation: str
    published: bool
    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    skipped: tuple[SkippedDocument, ...]
    documents: int
    passages: int
    embedded: int
    reused: int
    seconds: dict[str, float]


@dataclass(slots=True)
class _Gathered:
    """Documents and passages collected so far."""

    documents: list[IndexedDocument] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    skipped: list[SkippedDocument] = field(default_factory=list)

    def take(self, document: IndexedDocument, passages: Sequence[Passage]) -> None:
        self.documents.append(document)
        self.passages.extend(passages)


class Refresher:
    """Refreshes one knowledge base with one embedder."""

    def __init__(
        self, knowledge_base: KnowledgeBase, folder: Path, embedder: Embedder, passage_tokens: int, max_file_bytes: int
    ) -> None:
        self._knowledge_base = knowledge_base
        self._folder = folder
        self._embedder = embedder
        self._passage_tokens = passage_tokens
        self._max_file_bytes = max_file_bytes

    def refresh(self, sources: Sequence[Path], progress: Progress | None = None) -> RefreshReport:
        """Make the knowledge base hold exactly what the sources hold now.

        A file that cannot be read is left out and named in the report. Raises SourceError when a source does not
        exist or nothing in them can be read, KnowledgeBaseError when another refresh is running or the disk is full.
        """
        progress = progress or Quiet()
        files = list(_files(sources))
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(str(self._folder / "refresh.lock"), timeout=0):
                return self._refresh(sources, files, progress)
        except Timeout as exc:
            raise KnowledgeBaseError("another refresh of this knowledge base is running; wait for it to end") from exc

    def _refresh(self, sources: Sequence[Path], files: list[tuple[str, Path]], progress: Progress) -> RefreshReport:
        clock = _Clock()
        before = self._previous()
        splitter = Splitter(self._embedder, self._passage_tokens)
        gathered = self._read(files, before, splitter, progress)
        clock.lap("read")
        if not gathered.documents:
            reasons = "; ".join(f"{s.name}: {s.reason}" for s in gathered.skipped[:3])
            raise SourceError(f"nothing could be read from {_names(sources)} ({len(files)} files; {reasons})")
        vectors, embedded = self._embed(gathered.passages, before, progress)
        clock.lap("embed")
        contents = Contents(
            documents=gathered.documents,
            passages=gathered.passages,
            vectors=vectors,
            skipped=gathered.skipped,
            sources=[str(s.absolute()) for s in sources],
            embedder=self._embedder.name,
            embedder_fingerprint=self._embedder.fingerprint,
            splitter_fingerprint=splitter.fingerprint,
        )
        generation = before if _same(before, contents) else None
        published = generation is None
        if generation is None:
            progress.stage("publishing", 1)
            generation = self._knowledge_base.publish(contents)
            progress.advance(1)
        clock.lap("publish")
        return _report(before, generation, published, gathered, embedded, clock.laps)

    def _previous(self) -> Generation | None:
        try:
            return self._knowledge_base.current()
        except KnowledgeBaseError as exc:
            if self._knowledge_base.current_id() is not None:
                log.warning("starting from nothing: %s", exc)
            return None

    def _read(
        self, files: list[tuple[str, Path]], before: Generation | None, splitter: Splitter, progress: Progress
    ) -> _Gathered:
        known = _known(before, splitter.fingerprint)
        progress.stage("reading", len(files))
        gathered = _Gathered()
        for name, path in files:
            try:
                old = known.get(name)
                if old is not None and _hash(path) == old[0].content_hash:
                    gathered.take(*old)
                else:
                    document = read_document(path, name, self._max_file_bytes)
                    passages = splitter.split(document)
                    entry = IndexedDocument(
                        name=name,
                        title=document.title,
                        content_hash=document.content_hash,
                        passages=len(passages),
                        metadata=dict(document.metadata),
                    )
                    gathered.take(entry, passages)
            except Unreadable as exc:
                gathered.skipped.append(SkippedDocument(name=name, reason=str(exc)))
            progress.advance(1)
        return gathered

    def _embed(self, passages: Sequence[Passage], before: Generation | None, progress: Progress) -> tuple[Vectors, int]:
        """Vectors of all passages in order, and how many of them had to be computed."""
        old: dict[str, Vectors] = {}
        if before is not None and before.manifest.embedder_fingerprint == self._embedder.fingerprint:
            texts = (p.indexed_text for p in before.passages)
            old = dict(zip(texts, before.index.vectors(), strict=True))
        new = list(dict.fromkeys(p.indexed_text for p in passages if p.indexed_text not in old))
        progress.stage("embedding", len(new))
        if new:
            old.update(zip(new, self._embedder.embed(new, progress.advance), strict=True))
        return np.stack([old[p.indexed_text] for p in passages]).astype(np.float32), len(new)


class _Clock:
    """Seconds per stage."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 3)
        self._last = now


def _files(sources: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Every file of the sources with the name it gets in the knowledge base: its path below its source.

    Where two sources hold the same path, the later one's name begins with its source's name. Hidden files and
    folders are passed over.
    """
    taken: set[str] = set()
    for source in sources:
        found = sorted(_below(source))
        if not found:
            raise SourceError(f"{source}: no files in this folder")
        for path in found:
            name = path.name if source.is_file() else path.relative_to(source).as_posix()
            if name in taken:
                name = f"{source.absolute().name}/{name}"
            if name in taken:
                raise SourceError(
                    f"{path}: another source already has a document named {name}; rename one of the folders"
                )
            taken.add(name)
            yield name, path


def _below(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
        return
    if not source.is_dir():
        raise SourceError(f"{source}: no such file or folder")
    for folder, folders, names in os.walk(source):
        folders[:] = [f for f in folders if not f.startswith(".")]
        yield from (Path(folder) / name for name in names if not name.startswith("."))


def _names(sources: Sequence[Path]) -> str:
    return ", ".join(str(s) for s in sources)


def _hash(path: Path) -> str | None:
    try:
        return sha256_of(path)
    except OSError:
        return None  # the reader will say why


def _known(before: Generation | None, splitter: str) -> dict[str, tuple[IndexedDocument, list[Passage]]]:
    """Documents of the previous generation with their passages, where those would come out the same again."""
    if before is None or before.manifest.splitter_fingerprint != splitter:
        return {}
    known: dict[str, tuple[IndexedDocument, list[Passage]]] = {d.name: (d, []) for d in before.documents}
    for passage in before.passages:
        known[passage.document][1].append(passage)
    return known


def _same(before: Generation | None, contents: Contents) -> bool:
    return (
        before is not None
        and before.documents == tuple(contents.documents)
        and before.manifest.skipped == tuple(contents.skipped)
        and before.manifest.sources == tuple(contents.sources)
        and before.manifest.splitter_fingerprint == contents.splitter_fingerprint
    )


def _report(
    before: Generation | None,
    generation: Generation,
    published: bool,
    gathered: _Gathered,
    embedded: int,
    seconds: dict[str, float],
) -> RefreshReport:
    old = {d.name: d.content_hash for d in before.documents} if before is not None else {}
    new = {d.name: d.content_hash for d in gathered.documents}
    return RefreshReport(
        generation=generation.id,
        published=published,
        added=tuple(n for n in new if n not in old),
        changed=tuple(n for n, h in new.items() if n in old and old[n] != h),
        removed=tuple(n for n in old if n not in new),
        unchanged=sum(1 for n, h in new.items() if old.get(n) == h),
        skipped=tuple(gathered.skipped),
        documents=len(gathered.documents),
        passages=len(gathered.passages),
        embedded=embedded,
        reused=len(gathered.passages) - embedded,
        seconds=seconds,
    )
