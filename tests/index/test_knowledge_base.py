"""Generations, publishing and searching, with vectors whose cosines are known."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from index.embedding import BUILTIN_EMBEDDER, SentenceTransformerEmbedder
from index.errors import DamagedGeneration, EmbedderMismatch, EmbedderNotFound, KnowledgeBaseError, NoGeneration
from index.library import KnowledgeBase
from index.passages import Passage
from index.retrieval import Retriever
from index.vectors import VectorIndex
from index.words import WordIndex
from ingest.refresh import Refresher
from tests.doubles import WordHashEmbedder


def test_search_agrees_with_brute_force() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(200, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query = vectors[17] + 0.1 * vectors[3]
    expected = np.argsort(-(vectors @ query))[:7].tolist()
    assert [row for row, _ in VectorIndex.build(vectors).search(query, 7)] == expected


def test_search_for_more_than_there_is_returns_all(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    hits = Retriever(filled, embedder).search("SIM", 1000).hits
    assert len(hits) == filled.current().manifest.passages
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


def test_the_cosine_is_that_of_shared_words(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    best = Retriever(filled, embedder).search("notice period", 1).hits[0]
    # the passage holds: plan, notic, period, 30, day; the query: notic, period
    assert best.passage.heading == ("Notice",)
    assert best.cosine == pytest.approx(2 / math.sqrt(2 * 5), abs=1e-5)
    assert best.score == pytest.approx(1)


def test_nothing_published(knowledge_base: KnowledgeBase) -> None:
    with pytest.raises(NoGeneration, match="switchboard kb refresh"):
        knowledge_base.current()


def test_readers_keep_their_generation_while_another_is_published(
    filled: KnowledgeBase, refresher: Refresher, documents: Path
) -> None:
    before = filled.current()
    (documents / "sim.md").write_text("# SIM cards\n\n## Price\n\nA SIM costs €9.\n", encoding="utf-8")
    refresher.refresh([documents])
    after = filled.current()
    assert after.id != before.id
    assert any("€8" in p.text for p in before.passages)
    assert not any("€8" in p.text for p in after.passages)


def test_another_process_sees_the_new_generation(filled: KnowledgeBase, refresher: Refresher, documents: Path) -> None:
    other = KnowledgeBase(filled.current().folder.parent.parent)
    assert other.current().id == filled.current().id
    (documents / "new.md").write_text("# New\n\nA new page.\n", encoding="utf-8")
    report = refresher.refresh([documents])
    assert other.current().id == report.generation


@pytest.mark.parametrize(
    "name", ["vectors.faiss", "passages.jsonl", "documents.jsonl", "words.safetensors", "vocabulary.json"]
)
def test_a_truncated_file_is_refused_by_name(filled: KnowledgeBase, name: str) -> None:
    folder = filled.current().folder
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(DamagedGeneration, match=name):
        KnowledgeBase(folder.parent.parent).current()


def test_a_folder_without_a_manifest_is_not_a_generation(filled: KnowledgeBase) -> None:
    folder = filled.current().folder
    (folder / "manifest.json").unlink()
    with pytest.raises(DamagedGeneration, match="manifest"):
        KnowledgeBase(folder.parent.parent).current()


def test_a_generation_of_another_format_is_refused(filled: KnowledgeBase) -> None:
    path = filled.current().folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(DamagedGeneration, match="format 99"):
        KnowledgeBase(path.parent.parent.parent).current()


def test_another_embedder_is_refused(filled: KnowledgeBase) -> None:
    with pytest.raises(EmbedderMismatch, match=r"word-hash.*other.*kb refresh"):
        Retriever(filled, WordHashEmbedder("other")).search("SIM", 3)


def test_old_generations_are_removed_but_never_the_current(
    filled: KnowledgeBase, refresher: Refresher, documents: Path
) -> None:
    for number in range(5):
        (documents / "n.md").write_text(f"# N\n\nNumber {number}.\n", encoding="utf-8")
        refresher.refresh([documents])
    kept = os.listdir(filled.current().folder.parent)
    assert len(kept) == 3
    assert filled.current().id in kept


def test_a_failed_publish_leaves_the_old_generation(
    filled: KnowledgeBase, refresher: Refresher, documents: Path
) -> None:
    before = filled.current().id
    (documents / "n.md").write_text("# N\n\nNew.\n", encoding="utf-8")
    pointer = filled.current().folder.parent.parent / f".current-{os.getpid()}"
    pointer.mkdir()  # the pointer cannot be written where a folder lies
    with pytest.raises(KnowledgeBaseError, match="old one still serves"):
        refresher.refresh([documents])
    assert KnowledgeBase(filled.current().folder.parent.parent).current().id == before


def test_equal_passages_have_equal_ids() -> None:
    one = Passage("a.md", "A", ("B",), 1, 0, "text")
    assert one.id == Passage("a.md", "A", ("B",), 1, 0, "text").id
    assert (
        len({one.id, Passage("b.md", "A", ("B",), 1, 0, "text").id, Passage("a.md", "A", ("B",), 1, 1, "text").id}) == 3
    )


@pytest.mark.parametrize("name", ["nothing-like-it", "./no/such/folder", "/nowhere"])
def test_an_embedder_that_does_not_exist(name: str) -> None:
    with pytest.raises(EmbedderNotFound, match="not an embedding model"):
        SentenceTransformerEmbedder.from_name(name)


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(EmbedderNotFound, match=r"modules\.json"):
        SentenceTransformerEmbedder.from_name(str(tmp_path))


def test_the_builtin_embedder_puts_a_paraphrase_nearer_than_another_topic() -> None:
    embedder = SentenceTransformerEmbedder.from_name(BUILTIN_EMBEDDER)
    question, same, other = embedder.embed(
        ["How much is a new SIM card?", "A replacement SIM costs eight euros.", "The router light blinks amber."]
    )
    assert question @ same > question @ other + 0.2
    assert np.linalg.norm(same) == pytest.approx(1, abs=1e-4)
    assert embedder.max_tokens == 256
    assert embedder.fingerprint == SentenceTransformerEmbedder.from_name(BUILTIN_EMBEDDER).fingerprint


def test_bm25_agrees_with_its_formula(tmp_path: Path) -> None:
    texts = ["alpha beta", "beta gamma gamma", "delta", "alpha alpha beta delta"]
    index = WordIndex.build([f"\n{text}" for text in texts])  # below an empty first line, which would count twice
    index.save(tmp_path / "w.safetensors", tmp_path / "v.json")
    split = [t.split() for t in texts]
    mean = sum(map(len, split)) / len(split)

    def bm25(term: str, doc: list[str]) -> float:
        holding = sum(term in d for d in split)
        idf = math.log(1 + (len(split) - holding + 0.5) / (holding + 0.5))
        return idf * doc.count(term) / (doc.count(term) + 0.9 * (1 - 0.4 + 0.4 * len(doc) / mean))

    expected = [bm25("gamma", d) + bm25("beta", d) for d in split]
    for opened in (index, WordIndex.open(tmp_path / "w.safetensors", tmp_path / "v.json")):
        assert opened.scores("gamma beta unheard") == pytest.approx(expected, abs=1e-5)
        assert opened.scores("unheard") == pytest.approx([0, 0, 0, 0])
        assert [opened.holding(t) for t in ("alpha", "gamma", "unheard")] == [2, 1, 0]


def test_a_code_that_only_words_can_find(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    hits = Retriever(filled, embedder).search("zzz PUK zzz qqq", 1).hits
    assert hits[0].passage.heading == ("PUK",)
