"""A refresh does as much as changed, and not less."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from index.embedding import Advance, Vectors
from index.library import KnowledgeBase
from ingest.readers import FileReading
from ingest.reading import InProcessReader
from ingest.refresh import Refresher, RefreshReport
from ingest.sources import FileHashes, files_of
from tests.doubles import WordHashEmbedder

PAST = time.time() - 3600


class NotingReader:
    """Reads files and notes which."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._reader = InProcessReader(100_000)

    def read(self, path: Path, name: str) -> FileReading:
        self.names.append(name)
        return self._reader.read(path, name)


class DyingEmbedder(WordHashEmbedder):
    """Dies when it is asked for the second time."""

    def embed(self, texts: Sequence[str], advance: Advance = lambda _: None) -> Vectors:
        if self.embedded:
            raise MemoryError
        return super().embed(texts, advance)


@pytest.fixture
def reader() -> NotingReader:
    return NotingReader()


def refresh(knowledge_base: KnowledgeBase, reader: NotingReader, documents: Path) -> RefreshReport:
    reader.names = []
    return Refresher(knowledge_base, WordHashEmbedder(), 60, reader).refresh([documents])


def test_only_what_changed_is_read(knowledge_base: KnowledgeBase, reader: NotingReader, documents: Path) -> None:
    refresh(knowledge_base, reader, documents)
    assert len(reader.names) == 3
    assert not refresh(knowledge_base, reader, documents).published
    assert reader.names == []
    (documents / "sim.md").write_text("# SIM cards\n\nA SIM costs €1.\n", encoding="utf-8")
    refresh(knowledge_base, reader, documents)
    assert reader.names == ["sim.md"]


def test_a_touched_file_is_hashed_and_not_read(
    knowledge_base: KnowledgeBase, reader: NotingReader, documents: Path
) -> None:
    refresh(knowledge_base, reader, documents)
    os.utime(documents / "sim.md")
    report = refresh(knowledge_base, reader, documents)
    assert reader.names == []
    assert not report.published


def test_a_file_that_looks_the_same_is_not_hashed_unless_it_was_changed_just_before(
    tmp_path: Path, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hashed() -> int:
        hashes = FileHashes(tmp_path / "files.json")
        for file in files_of([documents]):
            hashes.of(file.place, file.look)
        hashes.save()
        return hashes.computed

    assert [hashed(), hashed()] == [3, 3]  # they were written less than two seconds ago
    later = time.time_ns() + 3_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: later)
    assert [hashed(), hashed()] == [3, 0]
    (documents / "sim.md").write_text("# Other\n", encoding="utf-8")
    assert hashed() == 1


def test_an_edit_of_the_same_size_and_time_is_seen(
    knowledge_base: KnowledgeBase, reader: NotingReader, documents: Path
) -> None:
    path = documents / "sim.md"
    os.utime(path, (PAST, PAST))
    refresh(knowledge_base, reader, documents)
    path.write_text(path.read_text().replace("€8", "€9"), encoding="utf-8")
    os.utime(path, (PAST, PAST))
    assert refresh(knowledge_base, reader, documents).changed == ("sim.md",)


def test_moved_documents_and_edits_taken_back_embed_nothing(
    knowledge_base: KnowledgeBase, refresher: Refresher, documents: Path, embedder: WordHashEmbedder
) -> None:
    refresher.refresh([documents])
    path = documents / "sim.md"
    text = path.read_text()
    path.write_text(text.replace("€8", "€9"), encoding="utf-8")
    refresher.refresh([documents])
    embedder.embedded = []
    path.write_text(text, encoding="utf-8")
    assert refresher.refresh([documents]).embedded == 0
    (documents / "cards").mkdir()
    path.rename(documents / "cards" / "sim.md")
    report = refresher.refresh([documents])
    assert (report.added, report.removed, report.embedded) == (("cards/sim.md",), ("sim.md",), 0)
    assert embedder.embedded == []


def test_rows_stay_with_their_passages_through_many_changes(
    knowledge_base: KnowledgeBase, refresher: Refresher, documents: Path, embedder: WordHashEmbedder
) -> None:
    rng = np.random.default_rng(3)
    for step in range(12):
        for number in rng.integers(0, 8, 3):
            path = documents / f"n{number}.md"
            if path.exists() and rng.random() < 0.4:
                path.unlink()
            else:
                path.write_text(
                    f"# N{number}\n\n## One\n\nStep {step}.\n\n## Two\n\nIt stays {number}.\n", encoding="utf-8"
                )
        refresher.refresh([documents])
        carried = knowledge_base.current()
        whole = KnowledgeBase(documents.parent / f"whole{step}")
        Refresher(whole, WordHashEmbedder(), 60, InProcessReader(100_000)).refresh([documents])
        anew = whole.current()
        assert list(carried.passages) == list(anew.passages)
        assert carried.documents == anew.documents
        assert (carried.index.vectors() == anew.index.vectors()).all()
        assert carried.words.scores("step 3 stays sim") == pytest.approx(
            anew.words.scores("step 3 stays sim"), abs=1e-6
        )


def test_a_changed_sidecar_has_its_file_read_again(
    knowledge_base: KnowledgeBase, reader: NotingReader, documents: Path
) -> None:
    sidecar = documents / "sim.md.meta.yaml"
    sidecar.write_text("product: SIM\n", encoding="utf-8")
    report = refresh(knowledge_base, reader, documents)
    assert "sim.md.meta.yaml" not in (*report.added, *(q.name for q in report.quarantined))
    sidecar.write_text("product: eSIM\n", encoding="utf-8")
    refresh(knowledge_base, reader, documents)
    assert reader.names == ["sim.md"]
    sidecar.unlink()
    refresh(knowledge_base, reader, documents)
    assert reader.names == ["sim.md"]


def test_what_was_embedded_before_a_refresh_died_is_not_embedded_again(
    knowledge_base: KnowledgeBase, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.refresh._SAVED", 3)
    with pytest.raises(MemoryError):
        Refresher(knowledge_base, DyingEmbedder(), 60, InProcessReader(100_000)).refresh([documents])
    assert (
        Refresher(knowledge_base, WordHashEmbedder(), 60, InProcessReader(100_000)).refresh([documents]).embedded == 2
    )


def test_lost_vectors_are_computed_again(
    filled: KnowledgeBase, refresher: Refresher, documents: Path, embedder: WordHashEmbedder
) -> None:
    shutil.rmtree(filled.folder / "vectors")
    (documents / "new.md").write_text("# New\n\nA new page.\n", encoding="utf-8")
    assert refresher.refresh([documents]).embedded == 6
    again = embedder.embed([p.indexed_text for p in filled.current().passages])
    assert (filled.current().index.vectors() == again).all()


def test_an_unreadable_memory_of_the_files_costs_only_time(
    filled: KnowledgeBase, refresher: Refresher, documents: Path
) -> None:
    (filled.folder / "files.json").write_bytes(b'{"half": [')
    assert not refresher.refresh([documents]).published
