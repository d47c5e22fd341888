"""Generations as they are kept: listed, compared, rolled back to, pruned; and what they are made of on disk."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import threading
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.comparison import compare
from index.errors import DamagedGeneration, KnowledgeBaseBusy, NoSuchGeneration
from index.generation import Generation
from index.library import KEPT, KnowledgeBase
from index.lock import writing
from index.passage_table import PassageRows, PassageTable, keys_of
from index.passages import Passage
from index.retrieval import Retriever
from index.token_counts import TokenCounts
from index.vector_cache import RememberingEmbedder, VectorCache
from index.words import WordIndex
from ingest.reading import InProcessReader
from ingest.refresh import Refresher
from tests.doubles import WordHashEmbedder

TEXT = st.text(max_size=40)
PASSAGES = st.lists(
    st.builds(Passage, TEXT, TEXT, st.tuples(TEXT), st.none() | st.integers(1, 99), st.integers(0, 9), TEXT),
    max_size=8,
)


def edit(documents: Path, refresher: Refresher, price: int) -> str:
    (documents / "sim.md").write_text(f"# SIM cards\n\n## Price\n\nA SIM costs €{price}.\n", encoding="utf-8")
    return refresher.refresh([documents]).generation


@given(PASSAGES, st.data())
def test_passages_come_back_as_they_went_in_whole_and_in_runs(passages: list[Passage], data: st.DataObject) -> None:
    rows = PassageRows.of(passages)
    table = PassageTable(memoryview(rows.lines), rows.ends, rows.keys)
    assert list(table) == passages
    cut = data.draw(st.integers(0, len(passages)))
    joined = PassageRows.joined([table.rows(cut, len(table)), table.rows(0, cut)])
    assert list(PassageTable(memoryview(joined.lines), joined.ends, joined.keys)) == passages[cut:] + passages[:cut]
    assert joined.keys.tolist() == keys_of(p.indexed_text for p in passages[cut:] + passages[:cut]).tolist()


@given(st.lists(st.text("ab c1。电话", max_size=12), min_size=1, max_size=8), st.data())
def test_tokens_carried_over_weigh_what_tokens_counted_anew_weigh(texts: list[str], data: st.DataObject) -> None:
    old = TokenCounts.of(texts)
    cut = data.draw(st.integers(0, len(texts)))
    fresh = TokenCounts.of(["b 1 zebra"], old.vocabulary)
    joined = TokenCounts.joined([old.rows(cut, len(old)), fresh], fresh.vocabulary)
    carried, anew = WordIndex.from_counts(joined), WordIndex.build([*texts[cut:], "b 1 zebra"])
    assert set(carried.vocabulary) == set(anew.vocabulary)
    for query in ("a b", "zebra", "电话", "1"):
        assert carried.scores(query) == pytest.approx(anew.scores(query), abs=1e-6)


def test_the_generation_before_serves_again_and_the_next_refresh_publishes(
    filled: KnowledgeBase, refresher: Refresher, documents: Path, embedder: WordHashEmbedder
) -> None:
    first = filled.current().id
    second = edit(documents, refresher, 9)
    assert filled.roll_back().id == first
    assert KnowledgeBase(filled.folder).current().id == first
    embedder.embedded = []
    third = refresher.refresh([documents])
    assert third.published
    assert third.generation not in (first, second)
    assert embedder.embedded == []
    assert [e.action for e in filled.audit.entries()] == ["refresh", "refresh", "rollback", "refresh"]


def test_a_generation_is_named_by_the_beginning_of_its_id(
    filled: KnowledgeBase, refresher: Refresher, documents: Path
) -> None:
    first = filled.current().id
    edit(documents, refresher, 9)
    assert filled.roll_back(first[:-2]).id == first
    with pytest.raises(NoSuchGeneration, match="already"):
        filled.roll_back(first)
    with pytest.raises(NoSuchGeneration, match="several"):
        filled.roll_back("2")
    with pytest.raises(NoSuchGeneration, match="no generation before"):
        filled.roll_back()


def test_a_damaged_generation_is_not_rolled_back_to(
    filled: KnowledgeBase, refresher: Refresher, documents: Path
) -> None:
    first = filled.current().folder
    second = edit(documents, refresher, 9)
    data = bytearray((first / "passages.jsonl").read_bytes())
    looks = (first / "passages.jsonl").stat()
    data[20] ^= 1
    (first / "passages.jsonl").write_bytes(data)
    os.utime(first / "passages.jsonl", ns=(looks.st_atime_ns, looks.st_mtime_ns))
    with pytest.raises(DamagedGeneration, match=r"passages\.jsonl"):
        filled.roll_back()
    assert filled.current_id() == second


def test_what_differs_between_two_generations(filled: KnowledgeBase, refresher: Refresher, documents: Path) -> None:
    first = filled.current().id
    path = documents / "sim.md"
    path.write_text(path.read_text().replace("€8", "€9"), encoding="utf-8")
    (documents / "plans.md").unlink()
    (documents / "new.md").write_text("# New\n\nA new page.\n", encoding="utf-8")
    second = refresher.refresh([documents]).generation
    changes = {c.name: c for c in compare(filled.open(first), filled.open(second))}
    assert {name: c.kind for name, c in changes.items()} == {
        "new.md": "added",
        "plans.md": "removed",
        "sim.md": "changed",
    }
    assert [p.text[-30:] for p in changes["sim.md"].added] == ["It is free when the SIM is faulty."[-30:]]
    assert "€8" in changes["sim.md"].removed[0].text
    assert len(changes["plans.md"].removed) == 2
    assert compare(filled.open(first), filled.open(first)) == []


def test_pruning_keeps_the_current_one_and_readers_keep_theirs(
    filled: KnowledgeBase, refresher: Refresher, documents: Path, embedder: WordHashEmbedder
) -> None:
    old = filled.current()
    second = edit(documents, refresher, 9)
    third = edit(documents, refresher, 10)
    filled.roll_back(second)
    assert filled.prune(1) == [old.id, third]
    assert [g.id for g in filled.kept()] == [second]
    assert not old.folder.exists()
    assert [d.name for d in old.documents] == ["plans.md", "roaming/zones.txt", "sim.md"]
    assert "€8" in " ".join(p.text for p in old.passages)
    assert Retriever(filled, embedder).search("SIM", 1).generation.id == second


def test_a_half_written_generation_is_removed_by_the_next_refresh(
    filled: KnowledgeBase, refresher: Refresher, documents: Path
) -> None:
    half = filled.folder / "generations" / "20200101T000000000-aaaaaa"
    shutil.copytree(filled.current().folder, half)
    (half / "manifest.json").unlink()
    assert half.name not in [g.id for g in filled.kept()]
    refresher.refresh([documents])
    assert not half.exists()


def test_a_reader_whose_generation_is_removed_under_its_hands_follows_the_pointer(
    filled: KnowledgeBase, refresher: Refresher, documents: Path
) -> None:
    late = KnowledgeBase(filled.folder)
    first = filled.current_id()
    second = edit(documents, refresher, 9)
    filled.prune(1)
    pointers = iter([first, second, second])
    late.current_id = lambda: next(pointers)  # type: ignore[method-assign]  # it read the pointer just before it moved
    assert late.current().id == second


def test_threads_share_one_opened_generation(filled: KnowledgeBase) -> None:
    fresh = KnowledgeBase(filled.folder)
    opened: list[Generation] = []
    threads = [threading.Thread(target=lambda: opened.append(fresh.current())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 8
    assert len({id(g) for g in opened}) == 1


def _hold(folder: Path, held: Event) -> None:
    with writing(folder, "refresh"):
        held.set()
        signal.pause()


def test_who_holds_the_lock_is_said_and_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    holder = context.Process(target=_hold, args=(tmp_path, held))
    holder.start()
    assert held.wait(60)
    with (
        pytest.raises(KnowledgeBaseBusy, match=rf"refresh, process {holder.pid} on .*, since 20"),
        writing(tmp_path, "x"),
    ):
        pass
    threading.Timer(0.5, holder.kill).start()
    with writing(tmp_path, "prune", wait=60):
        assert json.loads((tmp_path / "refresh.holder.json").read_text())["what"] == "prune"
    holder.join()
    assert not (tmp_path / "refresh.holder.json").exists()


def test_vectors_are_remembered_but_not_torn_or_damaged_ones(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, "f")
    keys = keys_of(["one", "two", "three"])
    vectors = np.eye(3, dtype=np.float32)
    assert not cache.find(keys)[0].any()
    cache.add(keys, vectors)
    path = tmp_path / "f.vectors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    known, found = cache.find(keys)
    assert known.tolist() == [True, True, False]
    assert (found == vectors[:2]).all()
    cache.add(keys[2:], vectors[2:])
    assert path.read_bytes() == whole
    path.write_bytes(whole.replace(vectors[1].tobytes(), vectors[0].tobytes(), 1))
    known, found = cache.find(keys)
    assert known.tolist() == [True, False, True]
    assert (found == vectors[[0, 2]]).all()


def test_a_cache_that_outgrew_its_use_keeps_what_is_needed(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, "f")
    keys = keys_of(str(n) for n in range(25_000))
    cache.add(keys, np.arange(25_000, dtype=np.float32).reshape(-1, 1))
    cache.prune(lambda: keys)
    assert cache.find(keys)[0].all()
    cache.prune(lambda: keys[:10])
    known, found = cache.find(keys)
    assert known[:10].all()
    assert known[-1]
    assert 10 < known.sum() < 12_000
    assert (found[:, 0] == np.flatnonzero(known)).all()


def test_vectors_of_an_embedder_that_no_generation_needs_are_dropped(
    filled: KnowledgeBase, documents: Path, embedder: WordHashEmbedder
) -> None:
    def held() -> set[str]:
        return {path.name for path in (filled.folder / "vectors").iterdir()}

    other = Refresher(filled, WordHashEmbedder("other"), 60, InProcessReader(100_000))
    for edition in range(KEPT):
        assert "fingerprint-of-word-hash.vectors" in held()
        edit(documents, other, edition)
    assert held() == {"fingerprint-of-other.vectors"}


def test_questions_that_are_asked_again_are_embedded_once(tmp_path: Path) -> None:
    for fresh in (True, False):
        inner = WordHashEmbedder()
        again = RememberingEmbedder(inner, VectorCache(tmp_path, inner.fingerprint)).embed(["a SIM", "a plan", "a SIM"])
        assert (again == WordHashEmbedder().embed(["a SIM", "a plan", "a SIM"])).all()
        assert inner.embedded == (["a SIM", "a plan"] if fresh else [])


def test_a_line_cut_short_does_not_swallow_the_next_entry(knowledge_base: KnowledgeBase) -> None:
    knowledge_base.audit.add("refresh", "g1", "")
    path = knowledge_base.folder / "audit.jsonl"
    path.write_bytes(path.read_bytes() + b'{"time": "20')
    knowledge_base.audit.add("prune", "g1", "removed g0")
    assert [(e.action, e.reason) for e in knowledge_base.audit.entries()] == [("refresh", ""), ("prune", "removed g0")]
