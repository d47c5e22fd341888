"""The operator's canaries: questions whose document must be found, and documents that must never be cited."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from index.embedding import Embedder
from index.generation import Generation
from index.library import KnowledgeBase
from index.records import CanaryResult
from index.retrieval import Retriever
from ingest.errors import CanaryError

CANARIES = "canaries.jsonl"
_Text = Annotated[str, Field(min_length=1)]


class Canary(BaseModel, frozen=True):
    """A question, and the document that must be among the documents of its first `k` hits."""

    model_config = ConfigDict(extra="forbid")
    question: _Text
    document: _Text
    k: Annotated[int, Field(ge=1, le=100)] = 5


class _NeverCite(BaseModel, frozen=True):
    model_config = ConfigDict(extra="forbid")
    never_cite: _Text


@dataclass(frozen=True, slots=True)
class Canaries:
    """All canaries; `never_cite` are names of documents, with * for any part; `hash` is that of their files."""

    canaries: tuple[Canary, ...]
    never_cite: tuple[str, ...]
    hash: str

    @classmethod
    def read(cls, files: Sequence[Path]) -> Canaries | None:
        """Read the files that there are, JSON lines; None where there are none. Raises CanaryError naming file and line."""
        canaries: list[Canary] = []
        never: list[str] = []
        digest = hashlib.sha256()
        there = [f for f in files if f.is_file()]
        for file in there:
            try:
                data = file.read_bytes()
            except OSError as exc:
                raise CanaryError(f"{file} cannot be read ({exc.strerror})") from exc
            digest.update(data)
            for number, line in enumerate(data.splitlines(), start=1):
                if line.strip():
                    entry = _entry(line, f"{file}, line {number}")
                    if isinstance(entry, Canary):
                        canaries.append(entry)
                    else:
                        never.append(entry.never_cite)
        return cls(tuple(canaries), tuple(never), digest.hexdigest()[:16]) if there else None

    def citable(self, generation: Generation) -> list[str]:
        """The generation's documents that must never be cited."""
        names = (d.name for d in generation.documents)
        return [name for name in names if any(fnmatchcase(name, pattern) for pattern in self.never_cite)]

    def ask(self, generation: Generation, embedder: Embedder) -> CanaryResult:
        """Ask a generation every question."""
        if self.canaries:
            embedder.embed([c.question for c in self.canaries])  # all at once, where they are remembered
        retriever = Retriever(_Held(generation), embedder)
        missed = [
            c.question
            for c in self.canaries
            if c.document not in {h.passage.document for h in retriever.search(c.question, c.k).hits}
        ]
        return CanaryResult(canaries=self.hash, asked=len(self.canaries), missed=tuple(missed))


def _entry(line: bytes, where: str) -> Canary | _NeverCite:
    kind = _NeverCite if b'"never_cite"' in line else Canary
    try:
        return kind.model_validate_json(line)
    except ValidationError as exc:
        problem = exc.errors()[0]
        field = ".".join(map(str, problem["loc"]))
        raise CanaryError(
            f'{where}: {field + ": " if field else ""}{problem["msg"]}; expected {{"question": ..., "document": ...}}, k if you like, '
            'or {"never_cite": ...}'
        ) from exc


class _Held(KnowledgeBase):
    """A knowledge base whose current generation is a given one, published or not."""

    def __init__(self, generation: Generation) -> None:
        super().__init__(generation.folder)
        self._generation = generation

    def current(self) -> Generation:
        return self._generation
