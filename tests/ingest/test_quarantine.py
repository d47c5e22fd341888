"""A file that fails is set aside, its previous version serves or not, and it is tried again when it changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from index.library import KnowledgeBase
from index.passages import Document, Section
from ingest.errors import Unreadable
from ingest.readers import Failure, FileReading
from ingest.reading import InProcessReader
from ingest.refresh import Refresher, RefreshPolicy, RefreshReport
from tests.doubles import WordHashEmbedder


class Reader:
    """Reads a `.pack` as lines of `member: text`, where a text BAD fails; refuses files that hold POISON."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._reader = InProcessReader(100_000)

    def read(self, path: Path, name: str) -> FileReading:
        self.names.append(name)
        text = path.read_text(encoding="utf-8")
        if "POISON" in text:
            raise Unreadable("took more than 10 s", "time")
        if path.suffix != ".pack":
            return self._reader.read(path, name)
        members = [(f"{name}/{m}", t) for m, t in (line.split(": ") for line in text.splitlines())]
        return FileReading(
            tuple(Document(m, m, (Section((), t),), t) for m, t in members if t != "BAD"),
            tuple(Failure(m, "no text found", "read") for m, t in members if t == "BAD"),
        )


@pytest.fixture
def reader() -> Reader:
    return Reader()


def refresh(knowledge_base: KnowledgeBase, reader: Reader, documents: Path, **policy: bool | str) -> RefreshReport:
    reader.names = []
    chosen = RefreshPolicy(**policy)  # type: ignore[arg-type]
    return Refresher(knowledge_base, WordHashEmbedder(), 60, reader, chosen).refresh([documents])


def spoil(documents: Path) -> None:
    (documents / "sim.md").write_text("POISON", encoding="utf-8")


def held(knowledge_base: KnowledgeBase) -> set[str]:
    return {p.document for p in knowledge_base.current().passages}


def test_the_previous_version_serves_and_the_report_says_so(
    knowledge_base: KnowledgeBase, reader: Reader, documents: Path
) -> None:
    refresh(knowledge_base, reader, documents)
    spoil(documents)
    report = refresh(knowledge_base, reader, documents)
    (item,) = report.quarantined
    assert (item.name, item.stage, item.reason, item.kept) == ("sim.md", "time", "took more than 10 s", True)
    assert item.size == len("POISON")
    assert item.since.startswith("20")
    assert report.kept == ("sim.md",)
    assert report.removed == report.changed == ()
    assert "sim.md" in held(knowledge_base)


def test_it_is_dropped_where_that_is_wanted_now_or_later(
    knowledge_base: KnowledgeBase, reader: Reader, documents: Path
) -> None:
    refresh(knowledge_base, reader, documents)
    spoil(documents)
    refresh(knowledge_base, reader, documents)
    report = refresh(knowledge_base, reader, documents, keep_failed=False)
    assert reader.names == []
    assert (report.removed, report.kept) == (("sim.md",), ())
    assert not report.quarantined[0].kept
    assert "sim.md" not in held(knowledge_base)


def test_it_is_tried_again_when_it_or_the_rules_change_or_when_told(
    knowledge_base: KnowledgeBase, reader: Reader, documents: Path
) -> None:
    spoil(documents)
    first = refresh(knowledge_base, reader, documents).quarantined[0]
    assert not refresh(knowledge_base, reader, documents).published
    assert reader.names == []
    again = refresh(knowledge_base, reader, documents, retry=True)
    assert reader.names == ["sim.md"]
    assert again.quarantined == (first,)
    assert not again.published
    refresh(knowledge_base, reader, documents, reading="other limits")
    assert reader.names == ["sim.md"]
    (documents / "sim.md").write_text("# SIM cards\n\nA SIM costs €8.\n", encoding="utf-8")
    report = refresh(knowledge_base, reader, documents, reading="other limits")
    assert (report.added, report.quarantined) == (("sim.md",), ())


def test_a_file_that_is_gone_leaves_quarantine_and_so_does_its_previous_version(
    knowledge_base: KnowledgeBase, reader: Reader, documents: Path
) -> None:
    refresh(knowledge_base, reader, documents)
    spoil(documents)
    refresh(knowledge_base, reader, documents)
    (documents / "sim.md").unlink()
    report = refresh(knowledge_base, reader, documents)
    assert (report.quarantined, report.kept, report.removed) == ((), (), ("sim.md",))


def test_a_member_of_an_archive_fails_alone(knowledge_base: KnowledgeBase, reader: Reader, documents: Path) -> None:
    pack = documents / "a.pack"
    pack.write_text("one.md: First text.\ntwo.md: Second text.\n", encoding="utf-8")
    refresh(knowledge_base, reader, documents)
    pack.write_text("one.md: Changed text.\ntwo.md: BAD\nthree.md: BAD\n", encoding="utf-8")
    report = refresh(knowledge_base, reader, documents)
    assert reader.names == ["a.pack"]
    assert {q.name: q.kept for q in report.quarantined} == {"a.pack/two.md": True, "a.pack/three.md": False}
    assert report.kept == ("a.pack/two.md",)
    assert [p.text for p in knowledge_base.current().passages_of("a.pack/two.md")] == ["Second text."]
    assert not refresh(knowledge_base, reader, documents).published
    assert reader.names == []
    refresh(knowledge_base, reader, documents, retry=True)
    assert reader.names == ["a.pack"]
    pack.unlink()
    assert set(refresh(knowledge_base, reader, documents).removed) == {"a.pack/one.md", "a.pack/two.md"}
