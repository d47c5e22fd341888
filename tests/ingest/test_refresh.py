"""A refresh makes the knowledge base hold what the sources hold, and says what it could not take."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock

from index.errors import DamagedGeneration, KnowledgeBaseError
from index.library import KnowledgeBase
from ingest.errors import SourceError
from ingest.reading import InProcessReader
from ingest.refresh import Refresher
from tests.conftest import DOCUMENTS
from tests.doubles import WordHashEmbedder


def test_the_first_refresh_takes_everything_in(refresher: Refresher, documents: Path) -> None:
    report = refresher.refresh([documents])
    assert report.published
    assert sorted(report.added) == sorted(DOCUMENTS)
    assert report.embedded == report.passages == 5
    assert set(report.seconds) == {"scan", "read", "embed", "words", "publish"}


def test_nothing_changed_publishes_nothing_and_embeds_nothing(
    filled: KnowledgeBase, refresher: Refresher, documents: Path, embedder: WordHashEmbedder
) -> None:
    before, embedder.embedded = filled.current().id, []
    report = refresher.refresh([documents])
    assert not report.published
    assert (report.generation, report.unchanged, report.embedded) == (before, 3, 0)
    assert embedder.embedded == []


def test_one_changed_section_embeds_only_that(
    filled: KnowledgeBase, refresher: Refresher, documents: Path, embedder: WordHashEmbedder
) -> None:
    embedder.embedded = []
    path = documents / "sim.md"
    path.write_text(path.read_text().replace("€8", "€9"), encoding="utf-8")
    report = refresher.refresh([documents])
    assert report.changed == ("sim.md",)
    assert embedder.embedded == [
        "SIM cards > Replacement\nA replacement SIM costs €9. It is free when the SIM is faulty."
    ]


def test_a_deleted_document_is_gone(filled: KnowledgeBase, refresher: Refresher, documents: Path) -> None:
    (documents / "sim.md").unlink()
    report = refresher.refresh([documents])
    assert report.removed == ("sim.md",)
    assert {p.document for p in filled.current().passages} == {"plans.md", "roaming/zones.txt"}


def test_rows_of_vectors_belong_to_their_passages(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    generation = filled.current()
    again = embedder.embed([p.indexed_text for p in generation.passages])
    assert (generation.index.vectors() == again).all()


def test_bad_files_are_named_and_the_rest_goes_in(refresher: Refresher, documents: Path) -> None:
    (documents / "broken.pdf").write_bytes(b"%PDF-1.4 nothing of the kind")
    (documents / "fake.docx").write_bytes(b"not a zip file")
    (documents / "sheet.xls").write_bytes(b"\xd0\xcf\x11\xe0")
    (documents / "big.txt").write_bytes(b"word " * 50_000)
    (documents / "empty.md").write_bytes(b"")
    report = refresher.refresh([documents])
    assert report.documents == 3
    reasons = {s.name: s.reason for s in report.quarantined}
    assert set(reasons) == {"broken.pdf", "fake.docx", "sheet.xls", "big.txt", "empty.md"}
    assert "max_file_mb" in reasons["big.txt"]
    assert ".xls" in reasons["sheet.xls"]


def test_hidden_files_are_passed_over(refresher: Refresher, documents: Path) -> None:
    (documents / ".git").mkdir()
    (documents / ".git" / "note.md").write_text("# Hidden\n\nText.\n")
    (documents / ".draft.md").write_text("# Hidden\n\nText.\n")
    report = refresher.refresh([documents])
    assert sorted(report.added) == sorted(DOCUMENTS)
    assert report.quarantined == ()


def test_two_sources_with_the_same_name_inside(refresher: Refresher, documents: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(documents, other)
    names = refresher.refresh([documents, other]).added
    assert sorted(names) == sorted([*DOCUMENTS, *(f"other/{n}" for n in DOCUMENTS)])


@pytest.mark.parametrize(("make", "words"), [(False, "no such file or folder"), (True, "no files")])
def test_a_source_that_is_not_there_or_empty(refresher: Refresher, tmp_path: Path, make: bool, words: str) -> None:
    source = tmp_path / "source"
    if make:
        source.mkdir()
    with pytest.raises(SourceError, match=words):
        refresher.refresh([source])


def test_nothing_readable_publishes_nothing(filled: KnowledgeBase, refresher: Refresher, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "picture.png").write_bytes(b"\x89PNG")
    before = filled.current().id
    with pytest.raises(SourceError, match=r"picture\.png"):
        refresher.refresh([tmp_path / "x"])
    assert filled.current().id == before


def test_a_second_refresh_at_once_is_refused(filled: KnowledgeBase, refresher: Refresher, documents: Path) -> None:
    with (
        FileLock(str(filled.current().folder.parent.parent / "refresh.lock")),
        pytest.raises(KnowledgeBaseError, match="another refresh"),
    ):
        refresher.refresh([documents])


def test_a_damaged_generation_is_built_anew(filled: KnowledgeBase, documents: Path, embedder: WordHashEmbedder) -> None:
    folder = filled.current().folder
    (folder / "vectors.faiss").write_bytes(b"")
    kb = KnowledgeBase(folder.parent.parent)
    report = Refresher(kb, embedder, 60, InProcessReader(100_000)).refresh([documents])
    assert report.published
    assert kb.current().manifest.passages == 5


def test_another_embedder_embeds_everything_again(filled: KnowledgeBase, documents: Path) -> None:
    report = Refresher(filled, WordHashEmbedder("other"), 60, InProcessReader(100_000)).refresh([documents])
    assert report.published
    assert report.embedded == 5
    assert filled.current().manifest.embedder == "other"


def test_a_generation_of_an_older_format_still_says_its_sources(filled: KnowledgeBase, documents: Path) -> None:
    path = filled.current().folder / "manifest.json"
    path.write_text(json.dumps({"format": 2, "id": filled.current().id, "sources": [str(documents)]}))
    fresh = KnowledgeBase(filled.folder)
    assert fresh.last_sources() == (str(documents),)
    (listed,) = fresh.kept()
    assert "format 2" in listed.damage
    report = Refresher(fresh, WordHashEmbedder(), 60, InProcessReader(100_000)).refresh([documents])
    assert report.published
    assert len(report.added) == 3
    with pytest.raises(DamagedGeneration, match="format 2"):
        fresh.roll_back()
