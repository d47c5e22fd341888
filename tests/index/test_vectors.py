"""Every kind of vector index: close to brute force, the same after opening, and exact where it says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.embedding import Vectors
from index.errors import DamagedGeneration
from index.library import KnowledgeBase
from index.vectors import Sizes, VectorIndex

KINDS = {"exact": Sizes(), "graph": Sizes(exact=100), "quantised": Sizes(exact=100, graph=100)}


def clustered(count: int, seed: int = 3) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(60, 32))
    vectors = centres[rng.integers(0, 60, count)] + 0.4 * rng.normal(size=(count, 32))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return clustered(4000)


def recall(index: VectorIndex, vectors: Vectors, rows: np.ndarray | None = None) -> float:
    shares = []
    for query in clustered(4100)[-100:]:
        cosines = vectors @ query if rows is None else np.where(rows, vectors @ query, -2)
        best = set(np.argsort(-cosines)[:10].tolist())
        shares.append(len(best & {row for row, _ in index.search(query, 10, rows)}) / 10)
    return float(np.mean(shares))


@pytest.mark.parametrize("kind", KINDS)
def test_unseen_queries_find_what_brute_force_finds(kind: str, vectors: Vectors, tmp_path: Path) -> None:
    built = VectorIndex.build(vectors, sizes=KINDS[kind])
    assert built.choice is not None
    assert built.choice.kind == kind
    assert built.choice.recall >= 0.985

    built.save(tmp_path / "index")
    opened = VectorIndex.open(tmp_path / "index")
    assert opened.kind == kind
    assert recall(opened, vectors) >= 0.97
    assert opened.search(vectors[5], 10) == built.search(vectors[5], 10)
    assert np.array_equal(opened.vectors(), vectors)


@pytest.mark.parametrize("kind", KINDS)
def test_cosines_are_exact(kind: str, vectors: Vectors) -> None:
    index = VectorIndex.build(vectors, sizes=KINDS[kind])
    assert index.cosines(vectors[0], [9, 2]) == pytest.approx([vectors[9] @ vectors[0], vectors[2] @ vectors[0]])
    for row, cosine in index.search(vectors[7], 10):
        assert cosine == pytest.approx(float(vectors[row] @ vectors[7]), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_only_marked_rows_are_found(kind: str, share: float, vectors: Vectors) -> None:
    rows = np.random.default_rng(1).random(len(vectors)) < share
    index = VectorIndex.build(vectors, sizes=KINDS[kind])
    assert recall(index, vectors, rows) == 1.0
    # as in an index too large to be searched row by row
    nearly = index._nearly(vectors[0], 5, rows, 1 / share) if kind != "exact" else []
    assert all(rows[row] for row, _ in nearly)


def test_lists_are_taken_over_from_a_similar_index(vectors: Vectors) -> None:
    before = VectorIndex.build(vectors, sizes=KINDS["quantised"])
    changed = np.concatenate([vectors[:3900], clustered(200, seed=8)])
    after = VectorIndex.build(changed, like=before, sizes=KINDS["quantised"])
    assert after.kind == "quantised"
    assert np.array_equal(after.vectors(), changed)
    assert recall(after, changed) >= 0.97
    assert len(before) == 4000
    assert recall(before, vectors) >= 0.97


def test_search_is_exact_where_nothing_reaches_the_recall_wanted(
    vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("index.vectors._RECALL_WANTED", 1.1)
    index = VectorIndex.build(vectors, sizes=KINDS["quantised"])
    assert index.kind == "exact"
    assert recall(index, vectors) == 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_is_refused(kind: str, vectors: Vectors, tmp_path: Path) -> None:
    VectorIndex.build(vectors, sizes=KINDS[kind]).save(tmp_path / "index")
    whole = (tmp_path / "index").read_bytes()
    for share in (0.0, 0.3, 0.9):
        (tmp_path / "cut").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DamagedGeneration):
            VectorIndex.open(tmp_path / "cut")


def test_a_generation_says_which_kind_it_has(filled: KnowledgeBase) -> None:
    opened = KnowledgeBase(filled.folder).current()
    assert opened.manifest.index is not None
    assert opened.manifest.index.kind == opened.index.kind == "exact"
