"""The measures of triage, against values computed by hand and against plain loops over random cases."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence

import pytest
from sklearn.metrics import f1_score

from eval.errors import EvaluationError
from eval.triage import (
    Judged,
    as_dict,
    calibration_error,
    hierarchical_f1,
    lines,
    macro_f1,
    risk_coverage,
    score_triage,
)

TREE = [("a",), ("a", "a1"), ("a", "a2"), ("b",), ("b", "b1"), ("b", "b1", "b11"), ("c",)]
NODES = {node for path in TREE for node in path}


def judged(true: str, predicted: str, *probabilities: float, routed: bool = True) -> Judged:
    """Paths as words; probabilities fall by a tenth a level unless they are given."""
    said = tuple(predicted.split())
    return Judged(tuple(true.split()), said, probabilities or tuple(0.9 - i / 10 for i, _ in enumerate(said)), routed)


def some(count: int, seed: int) -> list[Judged]:
    rnd = random.Random(seed)
    cases = []
    for _ in range(count):
        true = rnd.choice([*TREE, ()])
        said = true if rnd.random() < 0.5 else rnd.choice([*TREE, ()])
        # Few different values, so that they tie and fall on the edges of bins.
        top = rnd.choice([1.0, 0.8, 0.6, 0.4, 0.2, 1 / 3])
        cases.append(Judged(true, said, tuple(top / (1 + i) for i, _ in enumerate(said)), rnd.random() < 0.6))
    return cases


# Right; stopped early; wrong below level 1; wrong at once; out of scope and seen so; out of scope and sent.
HAND = [
    judged("a a1", "a a1", 0.95, 0.9),
    judged("a a1", "a", 0.7, routed=False),
    judged("a a2", "a a1", 0.8, 0.6),
    judged("b", "c", 0.5, routed=False),
    judged("", "", routed=False),
    judged("", "b", 0.3),
]


def test_levels_by_hand() -> None:
    first, second = score_triage(HAND, NODES).levels
    assert (first.depth, first.accuracy.mean, first.accuracy.count) == pytest.approx((1, 3 / 4, 4))
    assert first.reached is not None
    assert first.reached.mean == pytest.approx(3 / 4)
    assert (second.accuracy.mean, second.accuracy.count) == pytest.approx((1 / 3, 3))
    assert second.reached is not None
    assert (second.reached.mean, second.reached.count) == pytest.approx((1 / 2, 2))


def test_shares_by_hand() -> None:
    scores = score_triage(HAND, NODES - {"c"})
    assert scores.tickets == 6
    assert scores.leaf.mean == pytest.approx(2 / 6)
    assert scores.coverage.mean == pytest.approx(3 / 6)
    assert scores.covered is not None
    assert (scores.covered.mean, scores.covered.count) == pytest.approx((1 / 3, 3))
    assert scores.out_of_scope is not None
    assert (scores.out_of_scope.mean, scores.out_of_scope.count) == pytest.approx((1 / 2, 2))
    assert scores.outside == 1


def test_f1_by_hand() -> None:
    # a1: 1 hit, 2 true, 2 said; a2 and b: no hit.
    assert macro_f1(HAND).mean == pytest.approx((2 * 1 / 4 + 0 + 0) / 3)
    # Shared nodes 2, 1, 1, 0, 0, 0; true 2, 2, 2, 1, 0, 0; said 2, 1, 2, 1, 0, 1.
    assert hierarchical_f1(HAND).mean == pytest.approx(2 * 4 / (7 + 7))


def test_calibration_by_hand() -> None:
    found = calibration_error(HAND)
    assert found is not None
    # Each stands in a bin of its own: right 0.9 and 0.7, wrong 0.6, 0.5 and 0.3.
    assert found.mean == pytest.approx((0.1 + 0.3 + 0.6 + 0.5 + 0.3) / 5)
    assert found.count == 5
    sharing = [judged("a", "a", 0.61), judged("a", "b", 0.65)]
    together = calibration_error(sharing)
    assert together is not None
    assert together.mean == pytest.approx(abs((0.61 + 0.65) / 2 - 0.5))
    assert calibration_error([judged("a", "")]) is None


def test_the_edges_of_bins_belong_to_the_bin_below() -> None:
    # 0.2 closes the third of 15 bins, 0.21 opens the fourth: apart, the gaps cannot cancel.
    found = calibration_error([judged("a", "a", 0.2), judged("a", "b", 0.21)])
    assert found is not None
    assert found.mean == pytest.approx((0.8 + 0.21) / 2)
    below = calibration_error([judged("a", "a", 0.2), judged("a", "b", 0.19)])
    assert below is not None
    assert below.mean == pytest.approx((0.8 - 0.19) / 2)


def test_risk_by_hand() -> None:
    # By sureness: 0.9 right, 0.6 wrong, 0.3 wrong; then, kept for a person, 0.7 stopped, 0.5 wrong, none right.
    points = [(p.coverage, p.risk) for p in risk_coverage(HAND)]
    wanted = [(1, 0), (2, 1 / 2), (3, 2 / 3), (4, 3 / 4), (5, 4 / 5), (6, 4 / 6)]
    assert points == [pytest.approx((n / 6, risk)) for n, risk in wanted]
    tied = [judged("a", "a", 0.5), judged("a", "b", 0.5), judged("a", "a", 0.4)]
    assert [(p.coverage, p.risk) for p in risk_coverage(tied)] == [
        pytest.approx(point) for point in [(2 / 3, 1 / 2), (1, 1 / 3)]
    ]


@pytest.mark.parametrize("seed", range(5))
def test_f1s_against_plain_loops(seed: int) -> None:
    cases = some(60, seed)
    leaves = sorted({j.true[-1] for j in cases if j.true})
    said = [j.predicted[-1] if j.predicted else "-" for j in cases]
    true = [j.true[-1] if j.true else "-" for j in cases]
    expected = f1_score(true, said, labels=leaves, average="macro", zero_division=0)
    assert macro_f1(cases).mean == pytest.approx(expected)
    pairs_true = {(i, node) for i, j in enumerate(cases) for node in j.true}
    pairs_said = {(i, node) for i, j in enumerate(cases) for node in j.predicted}
    precision, recall = (len(pairs_true & pairs_said) / len(pairs) for pairs in (pairs_said, pairs_true))
    assert hierarchical_f1(cases).mean == pytest.approx(2 * precision * recall / (precision + recall))


def expected_calibration(cases: Sequence[Judged]) -> float:
    said = [(j.probabilities[-1], j.true[: len(j.predicted)] == j.predicted) for j in cases if j.predicted]
    total = 0.0
    for i in range(15):
        inside = [(p, right) for p, right in said if i / 15 < p <= (i + 1) / 15]
        if inside:
            gap = sum(right for _, right in inside) / len(inside) - sum(p for p, _ in inside) / len(inside)
            total += len(inside) / len(said) * abs(gap)
    return total


@pytest.mark.parametrize("seed", range(5))
def test_calibration_and_risk_against_plain_loops(seed: int) -> None:
    cases = some(60, seed)
    found = calibration_error(cases)
    assert found is not None
    assert found.mean == pytest.approx(expected_calibration(cases))

    def key(j: Judged) -> tuple[bool, float]:
        return j.routed, (j.probabilities or (0.0,))[-1]

    curve = []
    for bar in sorted({key(j) for j in cases}, reverse=True):
        kept = [j for j in cases if key(j) >= bar]
        curve.append((len(kept) / 60, sum(j.true != j.predicted for j in kept) / len(kept)))
    assert [(p.coverage, p.risk) for p in risk_coverage(cases)] == [pytest.approx(point) for point in curve]


def test_the_curve_meets_the_share_that_was_routed() -> None:
    cases = some(80, 9)
    scores = score_triage(cases, NODES)
    assert scores.covered is not None
    at = next(p for p in scores.risk_coverage if p.coverage == pytest.approx(scores.coverage.mean))
    assert at.risk == pytest.approx(1 - scores.covered.mean)


def test_a_long_curve_is_thinned_but_keeps_its_end() -> None:
    cases = [judged("a", "a" if i % 3 else "b", 1 - i / 1000) for i in range(1000)]
    points = risk_coverage(cases)
    assert 90 <= len(points) <= 100
    assert points[0].coverage == pytest.approx(1 / 1000)
    assert (points[-1].coverage, points[-1].risk) == pytest.approx((1, 334 / 1000))
    for p in points:
        kept = cases[: round(p.coverage * 1000)]
        assert p.risk == pytest.approx(sum(not j.right for j in kept) / len(kept))


def test_intervals_hold_their_means_and_repeat() -> None:
    cases = some(300, 3)
    scores = score_triage(cases, NODES)
    for e in (scores.macro_f1, scores.hierarchical_f1, scores.leaf, scores.calibration_error):
        assert e is not None
        assert e.low < e.mean < e.high
        assert e.high - e.low < 0.2
    assert scores == score_triage(cases, NODES)
    certain = score_triage([judged("a a1", "a a1", 1, 1), judged("b", "b", 1)] * 50, NODES)
    assert (certain.hierarchical_f1.low, certain.macro_f1.low) == (1, 1)


def test_three_thousand_tickets_take_seconds() -> None:
    cases = some(3000, 4)
    started = time.process_time()
    score_triage(cases, NODES)
    assert time.process_time() - started < 20


def test_what_no_ticket_shows_is_none() -> None:
    scores = score_triage([judged("a a1", "", routed=False)], NODES)
    assert (scores.covered, scores.out_of_scope, scores.calibration_error) == (None, None, None)
    assert [level.reached for level in scores.levels] == [None, None]
    assert (scores.macro_f1.mean, scores.hierarchical_f1.mean, scores.leaf.mean) == (0, 0, 0)
    table = lines(scores)
    assert any(line.startswith("expected calibration error") and line.endswith(" none") for line in table)
    assert not any(line.startswith("out of scope") for line in table)


def test_the_table_is_aligned_and_complete() -> None:
    scores = score_triage(HAND, NODES)
    table = lines(scores)
    column = table[0].index("6")
    assert all(line[column - 2 : column] == "  " and line[column] != " " for line in table)
    shown = {line[:column].strip(): line[column:] for line in table}
    assert shown["hierarchical F1"] == str(scores.hierarchical_f1)
    assert shown["right at level 2"] == str(scores.levels[1].accuracy)
    assert shown["labels outside the taxonomy"] == "0"
    assert {"whole path right", "macro-F1 over leaves", "need no review", "out of scope, held back"} < shown.keys()
    assert table[-1].split() == ["wrong", "of", "the", "surest", "100%", "0.667"]


def test_scores_go_through_json() -> None:
    scores = score_triage(HAND, NODES)
    read = json.loads(json.dumps(as_dict(scores), allow_nan=False))
    assert read["levels"][1]["accuracy"]["mean"] == scores.levels[1].accuracy.mean
    assert read["risk_coverage"][-1] == {"coverage": 1.0, "risk": pytest.approx(4 / 6)}
    assert read["outside"] == 0


@pytest.mark.parametrize("probabilities", [(0.5,), (0.9, 0.8, 0.7), (0.9, 1.2), (0.9, -0.1), (0.9, float("nan"))])
def test_probabilities_that_are_none(probabilities: tuple[float, ...]) -> None:
    with pytest.raises(EvaluationError, match="give"):
        Judged(("a",), ("a", "a1"), probabilities, True)


@pytest.mark.parametrize("cases", [[], [judged("", "a"), judged("", "")]])
def test_unlabelled_tickets_cannot_be_measured(cases: list[Judged]) -> None:
    with pytest.raises(EvaluationError, match="none of these tickets is labelled"):
        score_triage(cases, NODES)
