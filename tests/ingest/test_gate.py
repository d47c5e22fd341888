"""A refresh that loses too much, or finds less, is stopped before publishing; force overrides and is remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from index.library import KnowledgeBase
from ingest.canaries import Canaries
from ingest.errors import CanaryError, GateClosed
from ingest.reading import InProcessReader
from ingest.refresh import Refresher, RefreshPolicy, RefreshReport
from tests.conftest import EXAMPLES
from tests.doubles import WordHashEmbedder


def refresh(knowledge_base: KnowledgeBase, documents: Path, force: bool = False, max_drop: float = 1) -> RefreshReport:
    policy = RefreshPolicy(max_drop=max_drop, force=force)
    return Refresher(knowledge_base, WordHashEmbedder(), 60, InProcessReader(100_000), policy).refresh([documents])


def write_canaries(documents: Path, *rows: dict[str, object]) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (documents.parent / "canaries.jsonl").write_text(lines, encoding="utf-8")


def test_losing_too_many_passages_stops_it_and_leaves_nothing(filled: KnowledgeBase, documents: Path) -> None:
    before = filled.current().id
    (documents / "sim.md").unlink()
    with pytest.raises(GateClosed, match=r"2 of 5 passages \(40%\) would vanish.*30%.*sim\.md.*--force"):
        refresh(filled, documents, max_drop=0.3)
    assert filled.current().id == before
    assert [g.id for g in filled.kept()] == [before]
    assert len(list((filled.folder / "generations").iterdir())) == 1
    assert [e.action for e in filled.audit.entries()] == ["refresh", "refuse"]


def test_force_publishes_and_the_audit_log_says_why(filled: KnowledgeBase, documents: Path) -> None:
    (documents / "sim.md").unlink()
    report = refresh(filled, documents, force=True, max_drop=0.3)
    assert report.published
    assert "would vanish" in report.overridden[0]
    last = filled.audit.entries()[-1]
    assert (last.action, last.generation) == ("force", report.generation)
    assert "40%" in last.reason
    assert last.user


def test_renaming_and_rewording_lose_nothing(filled: KnowledgeBase, documents: Path) -> None:
    (documents / "sim.md").rename(documents / "cards.md")
    path = documents / "plans.md"
    path.write_text(path.read_text().replace("Wave", "Tide").replace("30 days", "20 days"), encoding="utf-8")
    assert refresh(filled, documents, max_drop=0).published


def test_a_shorter_document_loses_what_it_is_shorter_by(filled: KnowledgeBase, documents: Path) -> None:
    (documents / "sim.md").write_text("# SIM cards\n\n## PUK\n\nOther words.\n", encoding="utf-8")
    assert refresh(filled, documents, max_drop=0.2).published
    (documents / "plans.md").write_text("# Plans\n\n## Notice\n\nOther words.\n", encoding="utf-8")
    with pytest.raises(GateClosed, match="1 of 4"):
        refresh(filled, documents, max_drop=0.2)


def test_missing_more_canaries_stops_it(knowledge_base: KnowledgeBase, documents: Path) -> None:
    write_canaries(
        documents,
        {"question": "replacement SIM costs", "document": "sim.md", "k": 1},
        {"question": "notice period", "document": "plans.md", "k": 1},
        {"question": "notice period", "document": "nowhere.md", "k": 1},
    )
    first = refresh(knowledge_base, documents)
    assert first.canaries is not None
    assert (first.canaries.asked, first.canaries.missed) == (3, ("notice period",))
    path = documents / "sim.md"
    path.write_text(path.read_text().replace("replacement SIM costs", "new card is"), encoding="utf-8")
    (documents / "other.md").write_text("# Other\n\nA replacement SIM costs replacement SIM.\n", encoding="utf-8")
    with pytest.raises(
        GateClosed, match="1 of 3 canary questions find their document, 2 did before; now missed: replacement"
    ):
        refresh(knowledge_base, documents)
    assert knowledge_base.current().id == first.generation
    assert refresh(knowledge_base, documents, force=True).overridden


def test_a_document_that_must_never_be_cited_stops_even_the_first_refresh(
    knowledge_base: KnowledgeBase, documents: Path
) -> None:
    write_canaries(documents, {"never_cite": "roaming/*"})
    with pytest.raises(GateClosed, match=r"roaming/zones\.txt, which must never be cited"):
        refresh(knowledge_base, documents)
    assert knowledge_base.current_id() is None
    (documents / "roaming" / "zones.txt").unlink()
    assert refresh(knowledge_base, documents).published


def test_canary_questions_are_embedded_once(knowledge_base: KnowledgeBase, documents: Path) -> None:
    write_canaries(documents, {"question": "a question about nothing", "document": "sim.md"})
    refresh(knowledge_base, documents)
    (documents / "plans.md").unlink()
    embedder = WordHashEmbedder()
    Refresher(knowledge_base, embedder, 60, InProcessReader(100_000)).refresh([documents])
    assert embedder.embedded == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"question": "x"}', "document"),
        ('{"question": "", "document": "a.md"}', "question"),
        ('{"question": "x", "document": "a.md", "k": 0}', "k"),
        ('{"never_cite": 3}', "never_cite"),
        ("not JSON", "line 2"),
    ],
)
def test_canaries_that_cannot_be_are_refused_by_line(
    filled: KnowledgeBase, documents: Path, line: str, said: str
) -> None:
    (documents.parent / "canaries.jsonl").write_text(f"\n{line}\n", encoding="utf-8")
    (documents / "new.md").write_text("# New\n\nText.\n", encoding="utf-8")
    with pytest.raises(CanaryError, match=rf"canaries\.jsonl, line 2.*{said}|{said}"):
        refresh(filled, documents)


def test_the_sample_operators_canaries_name_its_documents() -> None:
    canaries = Canaries.read([EXAMPLES / "canaries.jsonl"])
    assert canaries is not None
    assert len(canaries.canaries) == 15
    assert all((EXAMPLES / "documents" / c.document).is_file() for c in canaries.canaries)
    assert len(canaries.never_cite) == 1
