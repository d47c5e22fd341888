"""Test collections: documents, queries, and which documents are relevant to which query."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from assistant.errors import DatasetError
from assistant.questions import Question
from index.embedding import Embedder
from index.errors import DamagedGeneration
from index.passages import Passage
from index.vectors import VectorIndex

_DOCUMENTS = "corpus.jsonl"
_QUESTIONS = "questions.jsonl"
_SQUAD_DEV = 4

_log = logging.getLogger(__name__)
_Row = TypeVar("_Row", bound="Query")


class Query(BaseModel, frozen=True):
    """What is searched for."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str
    text: str


class _StoredDocument(Query, frozen=True):
    title: str = ""


class _SquadQuestion(BaseModel):
    id: str
    question: str


class _SquadParagraph(BaseModel):
    context: str
    qas: list[_SquadQuestion]


class _SquadArticle(BaseModel):
    paragraphs: list[_SquadParagraph]


class _Squad(BaseModel):
    data: list[_SquadArticle]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Passages, and the queries with at least one relevant passage among them.

    `names` are those of the passages, in their order; `relevant` holds, by query id and then by name, grades above 0.
    """

    passages: tuple[Passage, ...]
    names: tuple[str, ...]
    queries: tuple[Query, ...]
    relevant: Mapping[str, Mapping[str, int]]

    def texts(self) -> list[str]:
        """What is indexed of each passage, in their order."""
        return [p.indexed_text for p in self.passages]


def is_judged_corpus(folder: Path) -> bool:
    """Whether a folder or file is read by `load_corpus`, not by `load_questions`; DatasetError when by neither."""
    if folder.is_file():
        return True
    if (folder / _QUESTIONS).exists():
        return False
    if (folder / _DOCUMENTS).exists():
        return True
    raise DatasetError(
        f"{folder}: neither {_QUESTIONS} nor {_DOCUMENTS} is here; name a folder with questions about the knowledge "
        f"base, one with {_DOCUMENTS}, queries_SPLIT.jsonl and qrels_SPLIT.tsv, or a file in SQuAD's JSON"
    )


def load_corpus(folder: Path, split: str) -> Corpus:
    """Read `corpus.jsonl`, `queries_SPLIT.jsonl` and `qrels_SPLIT.tsv`, or a file in SQuAD's JSON.

    Raises DatasetError, naming file and line.
    """
    if folder.is_file():
        return load_squad(folder, split)
    judgements = folder / f"qrels_{split}.tsv"
    relevant = _read_judgements(judgements)
    queries = _read_rows(folder / f"queries_{split}.jsonl", Query)
    documents = _read_rows(folder / _DOCUMENTS, _StoredDocument)
    if not relevant:
        raise DatasetError(f"{judgements}: no document is relevant to any query; there is nothing to measure")
    _refuse_unknown(judgements, "query", relevant.keys() - queries.keys(), f"queries_{split}.jsonl")
    named = {document for grades in relevant.values() for document in grades}
    _refuse_unknown(judgements, "document", named - documents.keys(), _DOCUMENTS)
    return Corpus(
        tuple(Passage(d.id, d.title, (), None, 0, d.text) for d in documents.values()),
        tuple(documents),
        tuple(q for q in queries.values() if q.id in relevant),
        relevant,
    )


def load_squad(file: Path, split: str) -> Corpus:
    """Read paragraphs as passages and their questions as queries, to which the own paragraph is relevant.

    Such a file has no splits: the questions about every fourth article are `dev` and those about the others `test`;
    the paragraphs of all articles are searched. Raises DatasetError.
    """
    try:
        articles = _Squad.model_validate_json(file.read_bytes()).data
    except OSError as exc:
        raise DatasetError(f"{file}: {exc.strerror}") from exc
    except ValidationError as exc:
        problem = exc.errors()[0]
        raise DatasetError(f"{file}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from exc
    passages: list[Passage] = []
    queries: list[Query] = []
    relevant: dict[str, dict[str, int]] = {}
    for number, article in enumerate(articles):
        for paragraph in article.paragraphs:
            name = str(len(passages))
            passages.append(Passage(name, "", (), None, 0, paragraph.context))
            if ("dev" if number % _SQUAD_DEV == 0 else "test") == split:
                queries += [Query(id=q.id, text=q.question) for q in paragraph.qas]
                relevant |= {q.id: {name: 1} for q in paragraph.qas}
    if not queries:
        raise DatasetError(f"{file}: no questions of the split {split!r}; there are dev and test")
    return Corpus(tuple(passages), tuple(p.document for p in passages), tuple(queries), relevant)


def question_corpus(passages: Sequence[Passage], questions: Sequence[Question]) -> Corpus:
    """The passages of a knowledge base, and the answerable questions as queries with every gold passage relevant."""
    relevant = {q.id: {p.id: 1 for p in passages if any(g.matches(p) for g in q.gold)} for q in questions}
    queries = tuple(Query(id=q.id, text=q.question) for q in questions if relevant[q.id])
    return Corpus(tuple(passages), tuple(p.id for p in passages), queries, {q.id: relevant[q.id] for q in queries})


def embed_corpus(
    texts: Sequence[str], embedder: Embedder, cache: Path, advance: Callable[[int], None] = lambda _: None
) -> VectorIndex:
    """The vectors of texts, from the folder `cache` where these texts and this embedder have been there before.

    `advance` is told how many more texts are done.
    """
    stored = cache / f"{_hash(texts)}-{embedder.fingerprint}.faiss"
    if stored.exists():
        try:
            index = VectorIndex.open(stored)
        except DamagedGeneration:
            _log.warning("%s is damaged; embedding %d texts again", stored, len(texts))
        else:
            advance(len(texts))
            return index
    index = VectorIndex.build(embedder.embed(texts, advance))
    cache.mkdir(parents=True, exist_ok=True)
    unfinished = cache / f"{stored.stem}.{os.getpid()}.unfinished"  # moved when whole: others may be reading
    try:
        index.save(unfinished)
        unfinished.replace(stored)
    finally:
        unfinished.unlink(missing_ok=True)
    return index


def _hash(texts: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:20]


def _read_rows(path: Path, kind: type[_Row]) -> dict[str, _Row]:
    rows: dict[str, _Row] = {}
    for number, line in _lines(path):
        try:
            row = kind.model_validate_json(line)
        except ValidationError as exc:
            problem = exc.errors()[0]
            field = "".join(f"{part}: " for part in problem["loc"])
            raise DatasetError(f"{path}, line {number}: {field}{problem['msg']}") from exc
        if row.id in rows:
            raise DatasetError(f"{path}, line {number}: the id {row.id!r} is there twice; leave one of them out")
        rows[row.id] = row
    return rows


def _read_judgements(path: Path) -> dict[str, dict[str, int]]:
    relevant: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        try:
            query, document, score = line.decode().split("\t")
            grade = int(score)
        except ValueError as exc:
            if number == 1 and line.count(b"\t") == 2:
                continue  # the names of the columns
            raise DatasetError(
                f"{path}, line {number}: expected a query id, a document id and a whole number, with tabs between"
            ) from exc
        if grade > 0:
            relevant.setdefault(query, {})[document] = grade
    return relevant


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, with their 1-based numbers."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.strip(b"\r\n")
    except OSError as exc:
        splits = sorted(p.stem.removeprefix("qrels_") for p in path.parent.glob("qrels_*.tsv"))
        there = f"; there are judgements for: {', '.join(splits)}" if splits else ""
        raise DatasetError(f"{path}: {exc.strerror}{there}") from exc


def _refuse_unknown(path: Path, kind: str, unknown: set[str], home: str) -> None:
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise DatasetError(
            f"{path} names the {kind} {min(unknown)!r}{more}, which {home} does not hold; "
            "take all files from one release of the corpus"
        )
