"""What the knowledge tab shows, how a refresh runs behind it, and that nothing of a document becomes markup."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

from index.library import KnowledgeBase
from index.passages import Hit, Passage
from index.records import IndexedDocument, Manifest, Quarantined
from index.retrieval import Retriever
from ingest.errors import SourceError
from ingest.refresh import Progress, Refresher, RefreshReport
from tests.doubles import WordHashEmbedder
from ui.refresh_run import RefreshRun, RefreshView, Stage
from ui.web.knowledge import Knowledge, Shown
from ui.web.knowledge_html import (
    MOST_DOCUMENTS,
    NOTHING_SHOWN,
    document_html,
    documents_html,
    error_html,
    gone_html,
    hits_html,
    matching,
    summary_html,
)
from ui.web.refresh_html import duration, left_out_html, refresh_html

ATTACKS = [
    "<script>window.hacked=1</script>",
    '<img src=x onerror="window.hacked=1">',
    '"><svg onload=window.hacked=1>',
    "' onfocus='window.hacked=1' autofocus='",
]
REPORT = RefreshReport(
    generation="20260101T000000-abcdef",
    published=True,
    added=("new.md",),
    changed=("sim.md", "plans.md"),
    removed=(),
    unchanged=7,
    quarantined=(Quarantined(name="scan.pdf", reason="it has no text"),),
    kept=(),
    documents=10,
    passages=120,
    embedded=30,
    reused=90,
    seconds={"read": 1.0, "embed": 3.0, "publish": 0.5},
)


def document(name: str, title: str = "", **metadata: str) -> IndexedDocument:
    return IndexedDocument(name=name, title=title, content_hash="0", passages=2, metadata=metadata)


def manifest_of(text: str) -> Manifest:
    return Manifest(
        format=2,
        id=text,
        created=text,
        sources=(text,),
        embedder=text,
        embedder_fingerprint="",
        splitter_fingerprint="",
        documents=1,
        passages=1,
        quarantined=(Quarantined(name=text, reason=text),),
        checksums={},
    )


@pytest.fixture
def knowledge(filled: KnowledgeBase, embedder: WordHashEmbedder) -> Knowledge:
    return Knowledge(Retriever(filled, embedder))


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_from_outside_becomes_markup(attack: str) -> None:
    passage = Passage(attack, attack, (attack,), 3, 0, attack)
    entry = document(attack, attack, product=attack, audience=attack, effective_from=attack, **{attack: attack})
    report = replace(REPORT, generation=attack, added=(attack,), quarantined=(Quarantined(name=attack, reason=attack),))
    pages = [
        summary_html(manifest_of(attack)),
        documents_html([entry], ""),
        documents_html([entry], f"no match {attack}"),
        document_html(entry, [passage]),
        hits_html(attack, [Hit(passage, 0.5, 0.5)]),
        error_html(attack),
        gone_html(attack),
        refresh_html(RefreshView(report=report)),
        refresh_html(RefreshView(error=attack)),
        refresh_html(RefreshView(running=True, stages=(Stage(attack, 3),))),
    ]
    for html in pages:
        assert "<script" not in html
        assert "<img" not in html
        assert "<svg" not in html
        assert "' onfocus=" not in html
        assert attack not in html


def test_the_summary_names_sources_and_what_was_left_out() -> None:
    manifest = manifest_of("x").model_copy(
        update={
            "id": "20260102T030405-abcdef",
            "created": "2026-01-02T03:04:05+00:00",
            "sources": ("/srv/documents", "/srv/more"),
            "documents": 86,
            "passages": 758,
            "quarantined": (Quarantined(name="scan.pdf", reason="it has no text"),),
        }
    )
    html = summary_html(manifest)
    assert "2026-01-02 03:04 UTC" in html
    assert "86 documents, 758 passages" in html
    assert "<li>/srv/documents</li><li>/srv/more</li>" in html
    assert "1 file left out" in html
    assert "<strong>scan.pdf</strong>: it has no text" in html


def test_the_filter_wants_every_word_anywhere() -> None:
    fees = document("billing/fees.md", "Late fees", product="Mobile")
    zones = document("roaming/zones.txt", "ZONES", audience="agent")
    assert matching([fees, zones], " ") == [fees, zones]
    assert matching([fees, zones], "LATE mobile") == [fees]
    assert matching([fees, zones], "zones agent txt") == [zones]
    assert matching([fees, zones], "late agent") == []


def test_only_columns_that_some_document_fills_are_shown() -> None:
    html = documents_html(
        [document("a.md"), document("b.PDF", "B", product="TV", effective_until="2026-12-31")], "a.md"
    )
    assert '<th scope="col">Product</th><th scope="col">Effective</th></tr>' in html
    assert "Audience" not in html
    assert "1 of 2 documents" in html
    whole = documents_html([document("b.PDF", "B", effective_from="2026-01-01", effective_until="2026-12-31")], "")
    assert "2026-01-01 to 2026-12-31" in whole
    assert '<td data-label="Format">pdf</td>' in whole


def test_a_table_of_very_many_documents_says_that_it_is_not_whole() -> None:
    html = documents_html([document(f"{n}.md") for n in range(MOST_DOCUMENTS + 1)], "")
    assert html.count("data-document=") == MOST_DOCUMENTS
    assert f"the first {MOST_DOCUMENTS} are shown" in html


def test_the_tab_shows_what_the_knowledge_base_holds(knowledge: Knowledge, filled: KnowledgeBase) -> None:
    summary, documents = knowledge.overview("")
    assert filled.current().id in summary
    assert "3 documents, 5 passages" in summary
    assert 'data-document="roaming/zones.txt"' in documents
    assert "1 of 3 documents" in knowledge.overview("zones")[1]


def test_a_document_shows_its_passages_and_no_others(knowledge: Knowledge) -> None:
    html = knowledge.passages(Shown(document="plans.md"))
    assert "<td>Wave 20</td><td>€18</td>" in html
    assert "The notice period is 30 days." in html
    assert "replacement SIM" not in html
    assert html.count("<details") == 2


def test_a_search_shows_the_nearest_passages_with_their_scores(knowledge: Knowledge) -> None:
    html = knowledge.passages(Shown(query="what does a replacement SIM cost"))
    assert html.index("A replacement SIM costs €8.") < html.index("The notice period is 30 days.")
    assert '<span class="sb-score" title="Score 1.00' in html
    assert "Nearest to “what does a replacement SIM cost”" in html


def test_an_empty_search_shows_nothing(knowledge: Knowledge) -> None:
    assert knowledge.passages(Shown(query="")) == NOTHING_SHOWN


def test_a_document_that_a_refresh_removed_is_said_to_be_gone(
    knowledge: Knowledge, refresher: Refresher, documents: Path
) -> None:
    (documents / "sim.md").unlink()
    refresher.refresh([documents])
    assert "sim.md is no longer in the knowledge base" in knowledge.passages(Shown(document="sim.md"))
    assert "2 documents" in knowledge.overview("")[0]


def test_an_empty_knowledge_base_says_what_to_do(knowledge_base: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    knowledge = Knowledge(Retriever(knowledge_base, embedder))
    summary, documents = knowledge.overview("")
    assert "switchboard kb refresh FOLDER" in summary
    assert documents == ""
    assert "switchboard kb refresh FOLDER" in knowledge.documents("fees")
    assert "switchboard kb refresh FOLDER" in knowledge.passages(Shown(query="fees"))


def ended(run: RefreshRun) -> RefreshView:
    """How a started refresh ended."""

    async def last() -> RefreshView:
        return [view async for view in run.watch()][-1]

    return asyncio.run(asyncio.wait_for(last(), 30))


def test_a_refresh_runs_and_its_report_is_kept(refresher: Refresher, documents: Path) -> None:
    run = RefreshRun(lambda progress: refresher.refresh([documents], progress))
    assert run.view() == RefreshView()
    assert run.start()
    view = ended(run)
    assert view.report is not None
    assert sorted(view.report.added) == ["plans.md", "roaming/zones.txt", "sim.md"]
    assert run.view() == view
    assert run.start()
    again = ended(run).report
    assert again is not None
    assert not again.published


class Held:
    """A refresh that goes on when it is told to."""

    def __init__(self) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()

    def __call__(self, progress: Progress) -> RefreshReport:
        progress.stage("reading", 4)
        progress.advance(4)
        progress.stage("embedding", 200)
        progress.advance(50)
        self.reached.set()
        assert self.go_on.wait(30)
        return REPORT


def test_a_second_refresh_is_refused_and_both_may_watch_the_first() -> None:
    held = Held()
    run = RefreshRun(held)
    assert run.start()
    assert held.reached.wait(30)
    assert not run.start()
    reading, embedding = run.view().stages
    assert (reading.name, reading.done, reading.finished) == ("reading", 4, True)
    assert (embedding.done, embedding.total, embedding.finished) == (50, 200, False)
    held.go_on.set()
    assert ended(run).report == REPORT


def test_a_refresh_of_another_process_is_said_and_changes_nothing(
    refresher: Refresher, filled: KnowledgeBase, documents: Path, tmp_path: Path
) -> None:
    before = filled.current().id
    run = RefreshRun(lambda progress: refresher.refresh([documents], progress))
    with FileLock(str(tmp_path / "kb" / "refresh.lock")):
        assert run.start()
        view = ended(run)
    assert "another refresh of this knowledge base is running" in view.error
    assert filled.current().id == before
    assert run.start()
    assert ended(run).error == ""


def test_sources_that_are_gone_are_said(refresher: Refresher, tmp_path: Path) -> None:
    run = RefreshRun(lambda progress: refresher.refresh([tmp_path / "gone"], progress))
    assert run.start()
    html = refresh_html(ended(run))
    assert "no such file or folder" in html
    assert "It changed nothing" in html
    assert 'data-state="failed"' in html


def test_an_error_that_nobody_foresaw_ends_the_refresh_too(caplog: pytest.LogCaptureFixture) -> None:
    def broken(progress: Progress) -> RefreshReport:
        raise ZeroDivisionError("no passages")

    run = RefreshRun(broken)
    assert run.start()
    assert "ZeroDivisionError: no passages" in ended(run).error
    assert "the refresh stopped unexpectedly" in caplog.text


def test_stages_show_their_rate_and_the_time_left() -> None:
    stages = (
        Stage("reading", 86, 86, 2.0, finished=True),
        Stage("embedding", 300, 100, 5.0),
    )
    html = refresh_html(RefreshView(running=True, stages=stages))
    assert "86 of 86 files · 2.0 s" in html
    assert "100 of 300 passages · 20 a second · about 10 s left" in html
    assert 'max="1" value="0.333"' in html
    assert 'data-stage="reading" data-finished=""' in html


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (Stage("reading", 86), "0 of 86 files<"),
        (Stage("embedding", 0, 0, 0.1, finished=True), "nothing new"),
        (Stage("embedding", 300, 2, 5.0), "0.4 a second · about 12 min 25 s left"),
        (Stage("publishing", 1, 0, 0.4), "0.4 s<"),
    ],
)
def test_stages_without_a_rate_and_slow_ones(stage: Stage, said: str) -> None:
    assert said in refresh_html(RefreshView(running=True, stages=(stage,)))


def test_a_stage_of_one_step_has_no_share_to_show() -> None:
    assert "value=" not in refresh_html(RefreshView(running=True, stages=(Stage("publishing", 1),)))
    assert refresh_html(RefreshView()) == ""
    assert "Looking at the sources" in refresh_html(RefreshView(running=True))


def test_the_report_says_what_changed() -> None:
    html = refresh_html(RefreshView(report=REPORT))
    assert "Published generation 20260101T000000-abcdef" in html
    assert "10 documents, 120 passages: 30 embedded, 90 reused; 4.5 s (read 1.0 s, embed 3.0 s, publish 0.5 s)" in html
    assert "1 added, 2 changed, 0 removed, 7 unchanged" in html
    assert "<li>sim.md</li><li>plans.md</li>" in html
    assert "Removed:" not in html
    assert "<strong>scan.pdf</strong>: it has no text" in html
    same = refresh_html(
        RefreshView(report=replace(REPORT, published=False), ended=datetime(2026, 1, 2, 3, 4, tzinfo=UTC))
    )
    assert "The last refresh ended 2026-01-02 03:04 UTC" in same
    assert "Nothing changed; still generation 20260101T000000-abcdef" in same


def test_the_report_says_what_was_kept_and_what_was_overridden() -> None:
    kept = Quarantined(name="scan.pdf", reason="took more than 10 s", stage="time", kept=True)
    report = replace(REPORT, quarantined=(kept,), kept=("scan.pdf",), overridden=("half of <it> would vanish",))
    html = refresh_html(RefreshView(report=report))
    assert "<strong>scan.pdf</strong>: took more than 10 s (its previous version serves)" in html
    assert "Published all the same: half of &lt;it&gt; would vanish." in html


def test_long_lists_are_closed_and_cut_with_their_number() -> None:
    few = left_out_html([Quarantined(name=f"{n}.bin", reason="r") for n in range(10)], opened=True)
    many = left_out_html([Quarantined(name=f"{n}.bin", reason="r") for n in range(700)], opened=True)
    assert "<details" in few
    assert " open>" in few
    assert " open>" not in many
    assert "700 files left out" in many
    assert "… and 200 more" in many


def test_no_sources_are_known_yet() -> None:
    def nothing(progress: Progress) -> RefreshReport:
        raise SourceError("no sources are known yet; run: switchboard kb refresh FOLDER")

    run = RefreshRun(nothing)
    assert run.start()
    assert "no sources are known yet; run: switchboard kb refresh FOLDER." in refresh_html(ended(run))


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.04, "0.0 s"), (9.96, "10 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s")]
)
def test_durations(seconds: float, said: str) -> None:
    assert duration(seconds) == said
