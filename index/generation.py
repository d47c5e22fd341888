"""A generation: one immutable folder that holds everything needed to search a state of the documents."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from index.blending import Blend, load_blend
from index.checksums import sha256_of
from index.embedding import Vectors
from index.errors import DamagedGeneration
from index.passages import Passage
from index.vectors import VectorIndex
from index.words import WordIndex

_MANIFEST = "manifest.json"
_PASSAGES = "passages.jsonl"
_DOCUMENTS = "documents.jsonl"
_VECTORS = "vectors.faiss"
_WORDS = "words.safetensors"
_VOCABULARY = "vocabulary.json"
_DATA = (_DOCUMENTS, _PASSAGES, _VECTORS, _WORDS, _VOCABULARY)
_FORMAT = 3

_Row = TypeVar("_Row", bound=BaseModel)


class IndexedDocument(BaseModel, frozen=True):
    """What a generation remembers of a document."""

    name: str
    title: str
    content_hash: str
    passages: int
    metadata: dict[str, str] = {}


class SkippedDocument(BaseModel, frozen=True):
    """A file that a refresh could not take in, and why."""

    name: str
    reason: str


class Manifest(BaseModel, frozen=True):
    """The facts of a generation; written last, so a folder without one is not a generation."""

    format: int
    id: str
    created: str
    sources: tuple[str, ...]
    embedder: str
    embedder_fingerprint: str
    splitter_fingerprint: str
    documents: int
    passages: int
    skipped: tuple[SkippedDocument, ...]
    checksums: dict[str, str]
    blend: Blend = Blend()


class _StoredPassage(BaseModel):
    document: str
    title: str
    heading: tuple[str, ...]
    page: int | None
    ordinal: int
    text: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into a new generation; row i of `vectors`, shape (n, dimension), belongs to passage i."""

    documents: Sequence[IndexedDocument]
    passages: Sequence[Passage]
    vectors: Vectors
    skipped: Sequence[SkippedDocument]
    sources: Sequence[str]
    embedder: str
    embedder_fingerprint: str
    splitter_fingerprint: str


class Generation:
    """An opened generation, read-only and safe to search from several threads."""

    def __init__(
        self, folder: Path, manifest: Manifest, passages: tuple[Passage, ...], index: VectorIndex, words: WordIndex
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.passages = passages
        self.index = index
        self.words = words

    @property
    def id(self) -> str:
        return self.manifest.id

    @cached_property
    def documents(self) -> tuple[IndexedDocument, ...]:
        """The documents, in the order of their names."""
        return tuple(_read_lines(self.folder / _DOCUMENTS, IndexedDocument))

    @cached_property
    def _by_id(self) -> dict[str, Passage]:
        return {p.id: p for p in self.passages}

    def passage(self, passage_id: str) -> Passage | None:
        """The passage with this id, or None when the generation does not hold it."""
        return self._by_id.get(passage_id)

    @classmethod
    def write(cls, parent: Path, contents: Contents) -> Path:
        """Write a new generation under `parent`, manifest last, all of it synced to disk; return its folder."""
        now = datetime.now(UTC)
        generation_id = f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
        folder = parent / generation_id
        folder.mkdir(parents=True)
        _write_lines(folder / _DOCUMENTS, [d.model_dump_json() for d in contents.documents])
        _write_lines(folder / _PASSAGES, [json.dumps(asdict(p), ensure_ascii=False) for p in contents.passages])
        VectorIndex.build(contents.vectors).save(folder / _VECTORS)
        words = WordIndex.build([p.indexed_text for p in contents.passages])
        words.save(folder / _WORDS, folder / _VOCABULARY)
        for name in (_VECTORS, _WORDS, _VOCABULARY):
            _sync(folder / name)
        manifest = Manifest(
            format=_FORMAT,
            id=generation_id,
            created=now.isoformat(timespec="seconds"),
            sources=tuple(contents.sources),
            embedder=contents.embedder,
            embedder_fingerprint=contents.embedder_fingerprint,
            splitter_fingerprint=contents.splitter_fingerprint,
            documents=len(contents.documents),
            passages=len(contents.passages),
            skipped=tuple(contents.skipped),
            checksums={name: sha256_of(folder / name) for name in _DATA},
            blend=load_blend(),
        )
        _write_lines(folder / _MANIFEST, [manifest.model_dump_json(indent=1)])
        _sync(folder)
        return folder

    @classmethod
    def open(cls, folder: Path) -> Generation:
        """Open a generation after checking every file against its checksum. Raises DamagedGeneration."""
        manifest = _read_manifest(folder)
        for name, want in manifest.checksums.items():
            if not (folder / name).is_file() or sha256_of(folder / name) != want:
                raise DamagedGeneration(
                    f"generation {manifest.id}: {name} is missing, cut short or altered; run: switchboard kb refresh"
                )
        passages = tuple(
            Passage(p.document, p.title, p.heading, p.page, p.ordinal, p.text)
            for p in _read_lines(folder / _PASSAGES, _StoredPassage)
        )
        index = VectorIndex.open(folder / _VECTORS)
        words = WordIndex.open(folder / _WORDS, folder / _VOCABULARY)
        if not len(passages) == len(index) == len(words):
            raise DamagedGeneration(
                f"generation {manifest.id}: {len(passages)} passages, {len(index)} vectors, {len(words)} rows of words; "
                "run: switchboard kb refresh"
            )
        return cls(folder, manifest, passages, index, words)


def _read_manifest(folder: Path) -> Manifest:
    try:
        manifest = Manifest.model_validate_json((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as exc:
        raise DamagedGeneration(
            f"generation {folder.name}: no readable {_MANIFEST}; run: switchboard kb refresh"
        ) from exc
    if manifest.format != _FORMAT:
        raise DamagedGeneration(
            f"generation {manifest.id} has format {manifest.format}, this program reads {_FORMAT}; run: switchboard kb refresh"
        )
    return manifest


def _read_lines(path: Path, row: type[_Row]) -> list[_Row]:
    try:
        with path.open(encoding="utf-8") as lines:
            return [row.model_validate_json(line) for line in lines]
    except (OSError, UnicodeDecodeError, ValidationError) as exc:
        raise DamagedGeneration(f"{path.name} cannot be read; run: switchboard kb refresh") from exc


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
