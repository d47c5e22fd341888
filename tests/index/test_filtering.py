"""Searching only what a filter admits: exactly what brute force over the admitted passages finds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from index.admission import Admission
from index.blending import Scale, candidates, ranked
from index.library import KnowledgeBase
from index.retrieval import Retriever
from index.scope import NO_FILTER, Filter, Scope
from index.vectors import VectorIndex
from ingest.refresh import Refresher
from tests.doubles import WordHashEmbedder

TODAY = date(2026, 3, 15)


def documents_of(folder: Path) -> Path:
    folder.mkdir()
    heads = {
        "north.md": "region: North\nproduct: Wave 20",
        "south.md": "region: South\nproduct: Wave 20, Wave 50",
        "agents.md": "audience: agent",
        "old.md": "effective_until: 2026-03-14",
        "new.md": "effective_from: 2026-03-16",
        "plain.md": "note: nothing",
        "riddle.md": "effective_from: whenever",
    }
    for name, head in heads.items():
        (folder / name).write_text(
            f"---\n{head}\n---\n# Fee\n\nThe zebra fee of {name[:-3]} is €5.\n", encoding="utf-8"
        )
    return folder


@pytest.fixture
def scoped(refresher: Refresher, knowledge_base: KnowledgeBase, tmp_path: Path) -> KnowledgeBase:
    refresher.refresh([documents_of(tmp_path / "scoped")])
    return knowledge_base


def found(kb: KnowledgeBase, wanted: Filter = NO_FILTER, today: date = TODAY) -> set[str]:
    hits = Retriever(kb, WordHashEmbedder(), today=lambda: today).search("zebra fee", 50, wanted=wanted).hits
    return {h.passage.document.removesuffix(".md") for h in hits}


def test_what_does_not_hold_today_is_not_found(scoped: KnowledgeBase) -> None:
    always = {"north", "south", "agents", "plain"}
    assert found(scoped) == always
    assert found(scoped, today=date(2026, 3, 14)) == always | {"old"}
    assert found(scoped, today=date(2026, 3, 16)) == always | {"new"}
    assert found(scoped, Filter(day=date(2026, 4, 1))) == always | {"new"}


def test_the_day_is_asked_for_at_every_search(scoped: KnowledgeBase) -> None:
    days = [date(2026, 3, 14), date(2026, 3, 15)]
    retriever = Retriever(scoped, WordHashEmbedder(), today=lambda: days.pop(0))
    names = [{h.passage.document for h in retriever.search("zebra fee", 50).hits} for _ in range(2)]
    assert names[0] - names[1] == {"old.md"}


def test_each_field_narrows(scoped: KnowledgeBase) -> None:
    assert found(scoped, Filter(region="north")) == {"north", "agents", "plain"}
    assert found(scoped, Filter(product="Wave 50")) == {"south", "agents", "plain"}
    assert found(scoped, Filter(audience="customer")) == {"north", "south", "plain"}


def test_a_retriever_for_customers_cannot_be_asked_for_more(scoped: KnowledgeBase) -> None:
    retriever = Retriever(scoped, WordHashEmbedder(), "customer", lambda: TODAY)
    hits = retriever.search("zebra fee of agents", 50, wanted=Filter(audience="agent")).hits
    assert {h.passage.document for h in hits} == {"north.md", "south.md", "plain.md"}
    assert "agents.md" not in {d.name for d in retriever.documents()}


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 1.0])
def test_the_best_admitted_rows_are_those_of_brute_force(share: float) -> None:
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(3000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = np.maximum(rng.normal(size=3000), 0).astype(np.float32)
    rows = rng.random(3000) <= share
    rows[17] = True
    admitted = np.flatnonzero(rows)
    query = vectors[3]
    cosines = vectors[admitted] @ query
    index = VectorIndex.build(vectors)

    nearest = [row for row, _ in index.search(query, 20, rows)]
    assert nearest == admitted[np.argsort(-cosines)[:20]].tolist()

    # of an index that never held anything else
    alone = ranked(candidates(VectorIndex.build(vectors[admitted]), query, words[admitted], 20), Scale.RANGE, 0.6)
    among = ranked(candidates(index, query, words, 20, rows), Scale.RANGE, 0.6)
    assert [(c.row, c.score) for c in among[:20]] == [
        (admitted[c.row], pytest.approx(c.score, abs=1e-5)) for c in alone[:20]
    ]


def test_nothing_admitted_is_nothing_found() -> None:
    vectors = np.eye(4, dtype=np.float32)
    pool = candidates(VectorIndex.build(vectors), vectors[0], np.ones(4, np.float32), 3, np.zeros(4, np.bool_))
    assert ranked(pool, Scale.RANGE, 0.6) == []


def test_rows_without_a_scope_are_never_admitted() -> None:
    admission = Admission([Scope(), None], [0, 1, -1, 0])
    assert admission.rows(NO_FILTER, TODAY).tolist() == [True, False, False, True]
