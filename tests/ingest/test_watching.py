"""Whatever changes in the sources is served a few seconds later, and nobody who asks notices how."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from index.library import KnowledgeBase
from index.retrieval import Retriever
from ingest.errors import SourceError
from ingest.refresh import Refresher
from ingest.reporting import RefreshReport
from ingest.watching import Outcome, Patience, Watcher
from tests.doubles import WordHashEmbedder

Watch = Callable[..., list[Outcome]]
QUICK = Patience(quiet=0.3, longest=1.5, again=1)


@pytest.fixture
def watching(refresher: Refresher) -> Iterator[Watch]:
    """Begins to watch folders in a thread; gives the list to which outcomes are added."""
    stop = threading.Event()
    threads = []

    def begin(*folders: Path, poll: bool = False, patience: Patience = QUICK) -> list[Outcome]:
        outcomes: list[Outcome] = []
        watcher = Watcher(folders, lambda: refresher.refresh(folders), outcomes.append, poll=poll, patience=patience)
        threads.append(threading.Thread(target=watcher.run, args=(stop,)))
        threads[-1].start()
        soon(lambda: bool(outcomes))
        return outcomes

    yield begin
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def soon(true: Callable[[], bool], seconds: float = 30) -> float:
    """Wait until it is true; seconds that took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, "it did not come true"
        time.sleep(0.02)
    return time.monotonic() - began


def texts(knowledge_base: KnowledgeBase) -> str:
    return "\n".join(p.text for p in knowledge_base.current().passages)


@pytest.mark.parametrize("poll", [False, True])
def test_changes_of_every_kind_are_seen(
    watching: Watch, documents: Path, knowledge_base: KnowledgeBase, tmp_path: Path, poll: bool
) -> None:
    watching(documents, poll=poll)
    (documents / "new" / "deep").mkdir(parents=True)
    (documents / "new" / "deep" / "esim.md").write_text("# eSIM\n\nAn eSIM costs €3.\n", encoding="utf-8")
    soon(lambda: "€3" in texts(knowledge_base))
    (documents / "new" / "deep" / "esim.md").write_text("# eSIM\n\nAn eSIM costs €4 now.\n", encoding="utf-8")
    soon(lambda: "€4" in texts(knowledge_base))
    written = tmp_path / "beside.md"
    written.write_text("# eSIM\n\nAn eSIM costs €55.\n", encoding="utf-8")
    os.replace(written, documents / "new" / "deep" / "esim.md")
    soon(lambda: "€55" in texts(knowledge_base) and "€4" not in texts(knowledge_base))
    shutil.rmtree(documents / "new")
    soon(lambda: "€55" not in texts(knowledge_base))


def test_a_folder_that_vanishes_and_comes_back(
    watching: Watch, documents: Path, knowledge_base: KnowledgeBase, tmp_path: Path
) -> None:
    outcomes = watching(documents)
    documents.rename(tmp_path / "away")
    soon(lambda: isinstance(outcomes[-1], SourceError))
    assert "€8" in texts(knowledge_base)
    (tmp_path / "away" / "sim.md").write_text("# SIM\n\nA replacement SIM costs €9.\n", encoding="utf-8")
    (tmp_path / "away").rename(documents)
    soon(lambda: "€9" in texts(knowledge_base))
    (documents / "sim.md").write_text("# SIM\n\nA replacement SIM costs €10.\n", encoding="utf-8")
    soon(lambda: "€10" in texts(knowledge_base))


def test_a_refresh_that_could_not_write_is_tried_again(
    watching: Watch, documents: Path, knowledge_base: KnowledgeBase
) -> None:
    outcomes = watching(documents)
    with knowledge_base.writing("refresh"):
        (documents / "sim.md").write_text("# SIM\n\nA replacement SIM costs €9.\n", encoding="utf-8")
        soon(lambda: isinstance(outcomes[-1], Exception))
    soon(lambda: "€9" in texts(knowledge_base))


def test_changes_without_end_do_not_put_a_refresh_off(
    watching: Watch, documents: Path, knowledge_base: KnowledgeBase
) -> None:
    outcomes = watching(documents, patience=Patience(quiet=2, longest=3))
    seen, number = len(outcomes), 0
    until = time.monotonic() + 8
    while len(outcomes) == seen:
        number += 1
        (documents / "sim.md").write_text(f"# SIM\n\nEdition {number}.\n", encoding="utf-8")
        assert time.monotonic() < until
        time.sleep(0.1)
    assert isinstance(outcomes[-1], RefreshReport)


def test_old_text_is_gone_within_five_seconds_and_every_question_is_answered(
    watching: Watch, documents: Path, knowledge_base: KnowledgeBase
) -> None:
    watching(documents, patience=Patience())
    retriever = Retriever(knowledge_base, WordHashEmbedder())
    found, failed, enough = [""], [], threading.Event()

    def ask() -> None:
        while not enough.is_set():
            try:
                retrieval = retriever.search("What does a replacement SIM cost, and what a day pass for Zone 3?", 5, 3)
            except Exception as exc:
                failed.append(exc)
            else:
                found[0] = "\n".join([h.passage.text for h in retrieval.hits] + [n.text for n in retrieval.lines])
            time.sleep(0.01)  # people pause; on one busy core this thread would keep the refresh waiting

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        soon(lambda: "€8" in found[0] and "€7" in found[0])
        (documents / "roaming" / "zones.txt").unlink()
        assert soon(lambda: "€7" not in found[0]) < 5
        page = documents / "sim.md"
        page.write_text(page.read_text(encoding="utf-8").replace("€8", "€9"), encoding="utf-8")
        assert soon(lambda: "€8" not in found[0] and "€9" in found[0]) < 5
    finally:
        enough.set()
        asking.join(10)
    assert not failed
