"""A generation: one immutable folder that holds everything needed to search a state of the documents."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError

from index.admission import Admission
from index.blending import load_blend
from index.checksums import sha256_of
from index.durable import replace_whole, sync, write_whole
from index.embedding import Vectors
from index.errors import DamagedGeneration
from index.index_choice import IndexChoice
from index.passage_table import KEY, Keys, PassageRows, PassageTable, mapped_file
from index.passages import Passage
from index.records import CanaryResult, IndexedDocument, Manifest, Quarantined, SourceFile
from index.scope import Scope
from index.token_counts import TokenCounts, tokens_fingerprint
from index.vectors import VectorIndex
from index.words import WordIndex

MANIFEST = "manifest.json"
FORMAT = 3
_DOCUMENTS = "documents.jsonl"
_FILES = "files.jsonl"
_PASSAGES, _ENDS, _KEYS = "passages.jsonl", "passages.ends", "passages.keys"
_VECTORS = "vectors.faiss"
_WORDS, _VOCABULARY, _COUNTS = "words.safetensors", "vocabulary.json", "counts.safetensors"
_DATA = (_DOCUMENTS, _FILES, _PASSAGES, _ENDS, _KEYS, _VECTORS, _WORDS, _VOCABULARY, _COUNTS)
_NEARLY_FULL = 2**20  # bytes
_CHECKED = "checked.json"  # how the files looked when they were last held against their checksums

_files = msgspec.json.Decoder(SourceFile)
_documents = msgspec.json.Decoder(IndexedDocument)
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into a new generation; row i of `vectors`, shape (n, dimension), and of `counts` belongs to passage i.

    Passages follow one another document by document, documents file by file.
    """

    documents: Sequence[IndexedDocument]
    files: Sequence[SourceFile]
    passages: PassageRows
    counts: TokenCounts
    vectors: Vectors
    quarantined: Sequence[Quarantined]
    sources: Sequence[str]
    embedder: str
    embedder_fingerprint: str
    splitter_fingerprint: str


class Generation:
    """An opened generation, read-only and safe to search from several threads; it outlives its folder."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self.passages = PassageTable.open(folder / _PASSAGES, folder / _ENDS, folder / _KEYS)
        self.index = VectorIndex.open(folder / _VECTORS)
        self.words = WordIndex.open(folder / _WORDS, folder / _VOCABULARY)
        self._document_lines = _mapped(folder / _DOCUMENTS)
        self._file_lines = _mapped(folder / _FILES)
        if not len(self.passages) == len(self.index) == len(self.words) == manifest.passages:
            raise DamagedGeneration(
                f"generation {manifest.id}: {len(self.passages)} passages, {len(self.index)} vectors, {len(self.words)} "
                "rows of words; run: switchboard kb refresh"
            )

    @property
    def id(self) -> str:
        return self.manifest.id

    @cached_property
    def documents(self) -> tuple[IndexedDocument, ...]:
        """The documents, in the order of their files' names."""
        return _decoded(self._document_lines, _documents, _DOCUMENTS)

    @cached_property
    def files(self) -> tuple[SourceFile, ...]:
        """The files that documents came from, in order."""
        return _decoded(self._file_lines, _files, _FILES)

    @cached_property
    def spans(self) -> Mapping[str, range]:
        """The rows of each document's passages, by its name."""
        spans: dict[str, range] = {}
        start = 0
        for document in self.documents:
            spans[document.name] = range(start, start + document.passages)
            start += document.passages
        return spans

    @cached_property
    def scopes(self) -> dict[str, Scope | None]:
        """The scope of each document, by its name."""
        return {d.name: d.scope for d in self.documents}

    @cached_property
    def admission(self) -> Admission:
        """Which passages a filter admits."""
        sizes = [d.passages for d in self.documents]
        return Admission(tuple(self.scopes.values()), np.repeat(np.arange(len(sizes)), sizes))

    @cached_property
    def _by_id(self) -> Mapping[str, int]:
        return {p.id: row for row, p in enumerate(self.passages)}

    def passage(self, passage_id: str) -> Passage | None:
        """The passage with this id, or None when the generation does not hold it."""
        row = self._by_id.get(passage_id)
        return None if row is None else self.passages[row]

    def passages_of(self, document: str) -> Sequence[Passage]:
        """The passages of a document, in reading order; none where the generation does not hold it."""
        return [self.passages[row] for row in self.spans.get(document, ())]

    def counts(self) -> TokenCounts | None:
        """The tokens of every passage, None when texts are cut into them in another way by now. Raises DamagedGeneration."""
        if self.manifest.tokens_fingerprint != tokens_fingerprint():
            return None
        return TokenCounts.open(self.folder / _COUNTS, self.words.vocabulary)

    @classmethod
    def write(
        cls, parent: Path, contents: Contents, judge: Callable[[Generation], CanaryResult | None] = lambda _: None
    ) -> Generation:
        """Write a new generation under `parent`, manifest last, all of it synced to disk, and open it.

        `judge` sees it before the manifest is written, and may refuse it by raising. Whatever is raised, nothing of
        the folder is left.
        """
        now = datetime.now(UTC)
        generation_id = f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03}-{uuid.uuid4().hex[:6]}"
        folder = parent / generation_id
        folder.mkdir(parents=True)
        try:
            choice = _write_data(folder, contents)
            manifest = Manifest(
                format=FORMAT,
                id=generation_id,
                created=now.isoformat(timespec="seconds"),
                sources=tuple(contents.sources),
                embedder=contents.embedder,
                embedder_fingerprint=contents.embedder_fingerprint,
                splitter_fingerprint=contents.splitter_fingerprint,
                tokens_fingerprint=tokens_fingerprint(),
                documents=len(contents.documents),
                passages=len(contents.passages),
                quarantined=tuple(contents.quarantined),
                checksums={name: sha256_of(folder / name) for name in _DATA},
                index=choice,
                blend=load_blend(),
            )
            generation = _read_back(folder, manifest)
            generation.manifest = manifest.model_copy(update={"canaries": judge(generation)})
            replace_whole(folder / MANIFEST, generation.manifest.model_dump_json(indent=1).encode() + b"\n")
            _remember_checked(folder)
            sync(parent)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return generation

    @classmethod
    def open(cls, folder: Path, *, recheck: bool = False) -> Generation:
        """Open a generation, every file held against its checksum. Raises DamagedGeneration.

        Files that look as they did when they were last checked are not read through again, unless `recheck`.
        """
        manifest = read_manifest(folder)
        if recheck or not _looks_checked(folder):
            for name, want in manifest.checksums.items():
                if not (folder / name).is_file() or sha256_of(folder / name) != want:
                    raise DamagedGeneration(
                        f"generation {manifest.id}: {name} is missing, cut short or altered; run: switchboard kb refresh, "
                        "or: switchboard kb rollback"
                    )
            with contextlib.suppress(OSError):  # a copy that may only be read is checked every time
                _remember_checked(folder)
        return cls(folder, manifest)


def read_manifest(folder: Path) -> Manifest:
    """The facts of a generation without opening it. Raises DamagedGeneration, also for another format."""
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
        form = _Formatted.model_validate_json(text).format
        if form != FORMAT:
            raise DamagedGeneration(
                f"generation {folder.name} has format {form}, this program reads {FORMAT}; run: switchboard kb refresh"
            )
        return Manifest.model_validate_json(text)
    except (OSError, UnicodeDecodeError, ValidationError) as exc:
        raise DamagedGeneration(
            f"generation {folder.name}: no readable {MANIFEST}; run: switchboard kb refresh"
        ) from exc


def sources_of(folder: Path) -> tuple[str, ...]:
    """The sources that a generation of any format was made from; none where its manifest cannot be read."""
    try:
        return _Sourced.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8")).sources
    except (OSError, UnicodeDecodeError, ValidationError):
        return ()


def keys_in(folder: Path) -> Keys:
    """The keys of a generation's passages without opening it; none where they cannot be read."""
    try:
        return np.frombuffer(mapped_file(folder / _KEYS), KEY)
    except (OSError, ValueError):
        return np.zeros(0, KEY)


class _Formatted(BaseModel):
    format: int


class _Sourced(BaseModel):
    sources: tuple[str, ...]


def _write_data(folder: Path, contents: Contents) -> IndexChoice | None:
    encoder = msgspec.json.Encoder()
    write_whole(folder / _DOCUMENTS, encoder.encode_lines(contents.documents))
    write_whole(folder / _FILES, encoder.encode_lines(contents.files))
    contents.passages.save(folder / _PASSAGES, folder / _ENDS, folder / _KEYS)
    index, words = VectorIndex.build(contents.vectors), WordIndex.from_counts(contents.counts)
    try:
        contents.counts.save(folder / _COUNTS)
        index.save(folder / _VECTORS)
        words.save(folder / _WORDS, folder / _VOCABULARY)
    except (RuntimeError, SafetensorError) as exc:
        # what FAISS and safetensors make of a full disk
        full = shutil.disk_usage(folder).free < _NEARLY_FULL
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC) if full else str(exc).splitlines()[0]) from exc
    for name in (_VECTORS, _WORDS, _VOCABULARY):
        sync(folder / name)
    sync(folder)
    return index.choice


def _read_back(folder: Path, manifest: Manifest) -> Generation:
    try:
        return Generation(folder, manifest)
    except DamagedGeneration as exc:
        raise OSError(errno.EIO, f"it does not read as it was written: {exc}") from exc


def _looks(folder: Path) -> Mapping[str, list[int]]:
    found = {name: (folder / name).stat() for name in (*_DATA, MANIFEST)}
    return {name: [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for name, s in found.items()}


def _looks_checked(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / _CHECKED).read_bytes()) == _looks(folder))
    except (OSError, ValueError):
        return False


def _remember_checked(folder: Path) -> None:
    replace_whole(folder / _CHECKED, json.dumps(_looks(folder)).encode())


def _mapped(path: Path) -> memoryview:
    try:
        return mapped_file(path)
    except OSError as exc:
        raise DamagedGeneration(f"{path.name} cannot be read; run: switchboard kb refresh") from exc


def _decoded(lines: memoryview, decoder: msgspec.json.Decoder[_Row], name: str) -> tuple[_Row, ...]:
    try:
        return tuple(decoder.decode_lines(bytes(lines)))
    except msgspec.MsgspecError as exc:
        raise DamagedGeneration(f"{name} cannot be read; run: switchboard kb refresh") from exc
