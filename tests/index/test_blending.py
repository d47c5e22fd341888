"""Candidates, their blend, and passages that repeat each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from index.blending import Blend, Scale, candidates, load_blend, ranked, save_blend
from index.duplicates import distinct
from index.errors import KnowledgeBaseError
from index.passages import Hit, Passage
from index.vectors import VectorIndex


@pytest.mark.parametrize("share", [0.002, 0.1, 0.9])
def test_only_allowed_rows_are_found_and_the_best_of_them(share: float) -> None:
    random = np.random.default_rng(3)
    vectors = random.normal(size=(2000, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = (random.random(2000) * (random.random(2000) < 0.1)).astype(np.float32)
    allowed = random.random(2000) < share
    allowed[7] = True
    pool = candidates(VectorIndex.build(vectors), vectors[7], words, 10, allowed)
    inside = np.flatnonzero(allowed)
    nearest = inside[np.argsort(-(vectors[inside] @ vectors[7]))[:100]]
    worded = [row for row in inside[np.argsort(-words[inside])[:100]] if words[row] > 0]
    assert set(pool.rows.tolist()) == {*nearest.tolist(), *map(int, worded)}
    assert pool.cosines == pytest.approx(vectors[pool.rows] @ vectors[7], abs=1e-5)
    assert pool.words == pytest.approx(words[pool.rows])


def test_a_query_that_shares_no_word_is_ranked_by_its_vector() -> None:
    vectors = np.eye(3, dtype=np.float32)
    query = np.asarray([0.1, 0.9, 0.4], dtype=np.float32)
    pool = candidates(VectorIndex.build(vectors), query, np.zeros(3, dtype=np.float32), 3)
    for scale in (Scale.RANGE, Scale.DEVIATION):
        assert [c.row for c in ranked(pool, scale, 0.5)] == [1, 2, 0]
        assert all(0 <= c.score <= 1 for c in ranked(pool, scale, 0.5))


def test_deviations_weigh_both_sides_as_much_as_they_spread() -> None:
    vectors = np.eye(3, dtype=np.float32)
    query = np.asarray([0.6, 0.5, 0.1], dtype=np.float32)
    words = np.asarray([0, 9, 8], dtype=np.float32)
    pool = candidates(VectorIndex.build(vectors), query, words, 3)
    expected = 0.5 * (query - query.mean()) / query.std() + 0.5 * (words - words.mean()) / words.std()
    assert [c.row for c in ranked(pool, Scale.DEVIATION, 0.5)] == np.argsort(-expected).tolist()


def test_the_language_decides_the_weight(tmp_path: Path) -> None:
    blend = Blend(scale=Scale.RANK, dense=0.7, dense_chinese=0.1)
    save_blend(blend, tmp_path / "blend.json")
    assert load_blend(tmp_path / "blend.json") == blend
    assert (blend.weight("roaming in Tarn"), blend.weight("漫游费用")) == (0.7, 0.1)
    assert [blend.weight(q) for q in ("*#06#", "€8", "E-2041", "what is E-2041")] == [0.1, 0.1, 0.1, 0.7]
    with pytest.raises(KnowledgeBaseError, match="fit it again"):
        load_blend(tmp_path / "none.json")


def hit(name: str, text: str, score: float) -> Hit:
    return Hit(Passage(name, name.title(), (), None, 0, text), score, score)


def test_a_repeated_passage_is_listed_with_the_best_one() -> None:
    text = "You may cancel within 14 days of the order by letter, by chat or in a shop, and pay for what you used."
    hits = [
        hit("a", text, 0.9),
        hit("b", f"{text} Thank you!", 0.8),
        hit("c", text.replace("14", "30"), 0.7),
        hit("d", "The router blinks.", 0.6),
        hit("e", text, 0.5),
    ]
    found = distinct(hits, 10)
    assert [h.passage.document for h in found] == ["a", "c", "d"]
    assert [p.document for p in found[0].duplicates] == ["b", "e"]
    assert [h.passage.document for h in distinct(hits, 2)] == ["a", "c"]
