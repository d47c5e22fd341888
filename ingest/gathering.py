"""Goes through the files: what is as it was is carried over, what changed is read and split, what fails is set aside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

from index.generation import Generation
from index.passage_table import PassageRows
from index.passages import Document, Passage
from index.records import IndexedDocument, Quarantined, SourceFile
from index.token_counts import TokenCounts
from ingest.errors import Unreadable
from ingest.reading import FileReader
from ingest.reporting import Progress
from ingest.sources import FileHashes, FoundFile
from ingest.splitting import Splitter

_TOLD = 50  # unchanged files between two words to the progress


@dataclass(slots=True)
class Gathered:
    """Documents in the order of their files; a run of passages is either rows of the generation before, or new."""

    documents: list[IndexedDocument] = field(default_factory=list)
    files: list[SourceFile] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)
    runs: list[range | list[Passage]] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def carry(self, document: IndexedDocument, rows: range) -> None:
        """Take a document as it was."""
        self.documents.append(document)
        last = self.runs[-1] if self.runs else None
        if isinstance(last, range) and last.stop == rows.start:
            self.runs[-1] = range(last.start, rows.stop)
        else:
            self.runs.append(rows)

    def take(self, document: Document, passages: list[Passage]) -> None:
        """Take a document that was read."""
        self.documents.append(
            IndexedDocument(
                name=document.name,
                title=document.title,
                content_hash=document.content_hash,
                passages=len(passages),
                metadata=dict(document.metadata),
            )
        )
        if isinstance(self.runs[-1] if self.runs else None, list):
            self.runs[-1] += passages  # type: ignore[operator]
        else:
            self.runs.append(passages)

    @property
    def fresh(self) -> bool:
        """Whether anything was read."""
        return any(isinstance(run, list) for run in self.runs)

    def passages(self, before: Generation | None) -> PassageRows:
        """All passages, those of the generation before as they stand there."""
        parts = []
        for run in self.runs:
            if isinstance(run, list):
                parts.append(PassageRows.of(run))
            elif before is not None:
                parts.append(before.passages.rows(run.start, run.stop))
        return PassageRows.joined(parts)

    def counts(self, before: Generation | None) -> TokenCounts:
        """The tokens of all passages; counted only where they are not known."""
        old = before.counts() if before is not None else None
        texts = [p.indexed_text for run in self.runs for p in self._uncounted(run, before, old is not None)]
        new = TokenCounts.of(texts, old.vocabulary if old is not None else ())
        parts, start = [], 0
        for run in self.runs:
            if isinstance(run, range) and old is not None:
                parts.append(old.rows(run.start, run.stop))
            else:
                parts.append(new.rows(start, start + len(run)))
                start += len(run)
        return TokenCounts.joined(parts, new.vocabulary)

    @staticmethod
    def _uncounted(run: range | list[Passage], before: Generation | None, known: bool) -> Iterable[Passage]:
        if isinstance(run, list):
            return run
        return () if known or before is None else before.passages[run.start : run.stop]


@dataclass(frozen=True, slots=True)
class _Before:
    """The generation before, by file; empty where its passages would come out otherwise by now."""

    generation: Generation | None
    files: dict[str, tuple[SourceFile, range]]
    set_aside: dict[str, list[Quarantined]]

    @classmethod
    def of(cls, generation: Generation | None, splitter: str) -> _Before:
        if generation is None:
            return cls(None, {}, {})
        set_aside: dict[str, list[Quarantined]] = {}
        for item in generation.manifest.quarantined:
            set_aside.setdefault(item.file, []).append(item)
        if generation.manifest.splitter_fingerprint != splitter:
            return cls(generation, {}, set_aside)
        ends = list(accumulate((f.documents for f in generation.files), initial=0))
        files = {f.name: (f, range(*ends[i : i + 2])) for i, f in enumerate(generation.files)}
        return cls(generation, files, set_aside)

    def documents(self, name: str) -> Iterator[tuple[IndexedDocument, range]]:
        """A file's documents, each with the rows of its passages."""
        if self.generation is not None and name in self.files:
            for number in self.files[name][1]:
                document = self.generation.documents[number]
                yield document, self.generation.spans[document.name]


class Gatherer:
    """Makes a Gathered of files; `rules` changes whenever a file might be read another way."""

    def __init__(
        self, reader: FileReader, splitter: Splitter, hashes: FileHashes, rules: str, *, keep_failed: bool, retry: bool
    ) -> None:
        self._reader = reader
        self._splitter = splitter
        self._hashes = hashes
        self._rules = rules
        self._keep_failed = keep_failed
        self._retry = retry

    def gather(
        self, files: Sequence[FoundFile], before: Generation | None, fingerprint: str, progress: Progress
    ) -> Gathered:
        """Go through all files; `fingerprint` is that of reading and splitting."""
        old = _Before.of(before, fingerprint)
        gathered = Gathered()
        progress.stage("reading", len(files))
        waiting = 0
        for file in files:
            waiting += 1
            if not self._carried(file, self._hash(file), old, gathered) or waiting == _TOLD:
                progress.advance(waiting)
                waiting = 0
        progress.advance(waiting)
        return gathered

    def _hash(self, file: FoundFile) -> str:
        """What a file and its sidecar are known by; empty where either cannot be read."""
        parts = [self._hashes.of(file.place, file.look)]
        if file.sidecar:
            parts.append(self._hashes.of(file.sidecar, file.sidecar_look))
        return "+".join(p for p in parts if p) if all(parts) else ""

    def _carried(self, file: FoundFile, found: str, old: _Before, gathered: Gathered) -> bool:
        """Take a file into `gathered`; whether it was left unread."""
        aside = old.set_aside.get(file.name, [])
        settled = bool(found) and not (aside and self._retry) and all(q.rules == self._rules for q in aside)
        known = old.files.get(file.name)
        whole = next((q for q in aside if q.name == file.name), None)
        if settled and whole is not None and whole.content_hash == found:
            self._set_aside(file, [whole], old, gathered)
            return True
        if settled and whole is None and known is not None and known[0].content_hash == found:
            for document, rows in old.documents(file.name):
                gathered.carry(document, rows)
            gathered.files.append(known[0])
            gathered.quarantined += aside
            gathered.kept += [q.name for q in aside if q.kept]
            return True
        self._read(file, found, old, gathered)
        return False

    def _read(self, file: FoundFile, found: str, old: _Before, gathered: Gathered) -> None:
        try:
            reading = self._reader.read(Path(file.place), file.name)
        except Unreadable as exc:
            item = self._quarantined(file, found, old, file.name, str(exc), exc.stage)
            self._set_aside(file, [item], old, gathered)
            return
        for document in reading.documents:
            gathered.take(document, self._splitter.split(document))
        items = [self._quarantined(file, found, old, f.name, f.reason, f.stage) for f in reading.failures]
        kept = self._set_aside(file, items, old, gathered, count=False)
        gathered.files.append(SourceFile(file.name, found, len(reading.documents) + kept))

    def _set_aside(
        self, file: FoundFile, items: Sequence[Quarantined], old: _Before, gathered: Gathered, *, count: bool = True
    ) -> int:
        """Put failures into quarantine and keep what their previous versions gave, where that is wanted; how many."""
        kept: list[str] = []
        whole = any(item.name == file.name for item in items)
        failed = {item.name for item in items}
        if self._keep_failed:
            for document, rows in old.documents(file.name):
                if whole or document.name in failed:
                    gathered.carry(document, rows)
                    kept.append(document.name)
        for item in items:
            serves = bool(kept) if whole else item.name in kept
            gathered.quarantined.append(item.model_copy(update={"kept": serves}))
        gathered.kept += kept
        if count and kept:
            before, _ = old.files[file.name]
            gathered.files.append(SourceFile(file.name, before.content_hash, len(kept)))
        return len(kept)

    def _quarantined(
        self, file: FoundFile, found: str, old: _Before, name: str, reason: str, stage: str
    ) -> Quarantined:
        same = (q for q in old.set_aside.get(file.name, []) if q.name == name and q.content_hash == found)
        earlier = next(same, None)
        return Quarantined(
            name=name,
            reason=reason,
            stage=stage,
            since=earlier.since if earlier is not None else datetime.now(UTC).isoformat(timespec="seconds"),
            file=file.name,
            size=file.look.size if file.look is not None else 0,
            modified_ns=file.look.modified if file.look is not None else 0,
            content_hash=found,
            rules=self._rules,
        )
