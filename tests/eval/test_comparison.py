"""Scores and paired differences, against values computed by hand and by brute force; and what is said of them."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence

import numpy as np
import pytest

from assistant.statistics import Estimate, estimate, paired_difference, weighted
from eval.comparison import PAIRS, Difference, MeasureName, compare_arms, disagree, score_arms, shared
from eval.errors import EvaluationError
from eval.records import Arm
from eval.verdict import findings, headline, leader, tied
from tests.eval.arms import declined, f1_of, record, small_run


def quantile(values: Sequence[float], share: float) -> float:
    """By sorting, and going the rest of the way between two neighbours."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def mean(pairs: Sequence[tuple[float, float]]) -> float | None:
    """The weighted mean of pairs of value and weight, None without any weight."""
    total = sum(w for _, w in pairs)
    return sum(v * w for v, w in pairs) / total if total else None


def by_hand(left: Sequence[tuple[float, float]], right: Sequence[tuple[float, float]]) -> list[float]:
    """The differences of the seeded draws, one by one."""
    rows = np.random.default_rng(0).integers(0, len(left), size=(2000, len(left)))
    both = [(mean([left[i] for i in row]), mean([right[i] for i in row])) for row in rows.tolist()]
    return [a - b for a, b in both if a is not None and b is not None]


@pytest.mark.parametrize("unweighted", [True, False])
def test_the_paired_bootstrap_by_brute_force(unweighted: bool) -> None:
    rng = np.random.default_rng(7)
    left, right = rng.random(15).tolist(), rng.random(15).tolist()
    weights = [[1.0] * 15] * 2 if unweighted else [[1.0, 0, 3] * 5, [2.0, 1, 0, 0, 1] * 3]
    found = paired_difference(left, right, None if unweighted else weights[0], None if unweighted else weights[1])
    pairs = [list(zip(values, w, strict=True)) for values, w in zip((left, right), weights, strict=True)]
    kept = [i for i in range(15) if weights[0][i] or weights[1][i]]
    one, other = ([p[i] for i in kept] for p in pairs)
    draws = by_hand(one, other)
    (first, second) = (mean(one), mean(other))
    assert first is not None
    assert second is not None
    assert found.mean == pytest.approx(first - second)
    assert (found.low, found.high) == pytest.approx((quantile(draws, 0.025), quantile(draws, 0.975)))
    assert found.count == len(kept)


def test_the_paired_bootstrap_against_all_draws_there_are() -> None:
    left, right = [0.9, 0.2, 0.7, 0.4, 0.6], [0.5, 0.3, 0.1, 0.35, 0.2]
    every = [statistics.fmean(left[i] - right[i] for i in draw) for draw in itertools.product(range(5), repeat=5)]
    found = paired_difference(left, right)
    assert found.low == pytest.approx(quantile(every, 0.025), abs=0.03)
    assert found.high == pytest.approx(quantile(every, 0.975), abs=0.03)


def test_pairing_takes_out_how_hard_the_questions_are() -> None:
    hardness = np.linspace(0, 1, 60)
    noise = np.random.default_rng(1).normal(0, 0.01, 60)
    found = paired_difference((hardness + 0.05 + noise).tolist(), hardness.tolist())
    assert found.low > 0.04
    assert found.high < 0.06


def test_a_question_counted_on_neither_side_changes_nothing() -> None:
    without = paired_difference([1, 0, 1], [0, 0, 1])
    assert paired_difference([1, 9, 0, 1], [0, 9, 0, 1], [1, 0, 1, 1], [1, 0, 1, 1]) == without


def test_weighted_with_equal_weights_is_the_estimate() -> None:
    samples = [0.1, 0.9, 0.4, 0.4]
    assert weighted(samples, [1] * 4) == estimate(samples)
    assert weighted([*samples, 5.0], [2, 2, 2, 2, 0]) == estimate(samples)


def test_the_scores_of_an_arm_by_hand() -> None:
    answers = [
        record("base+retrieval", "a", sentences=4, supported=1, citations=3, correct_citations=1, seconds=1),
        record("base+retrieval", "b", sentences=1, supported=1, citations=1, correct_citations=1, seconds=2),
        declined("base+retrieval", "c", seconds=6),
        declined("base+retrieval", "d", answerable=False, draft="It costs €8.", draft_declined=False, seconds=7),
        record(
            "base+retrieval",
            "e",
            answerable=False,
            answer="€9",
            sentences=0,
            supported=0,
            citations=0,
            correct_citations=0,
        ),
    ]
    scores = score_arms(answers)["base+retrieval"]
    means = {name: e.mean for name, e in scores.estimates.items()}
    assert means["f1"] == means["exact"] == pytest.approx(2 / 3)
    assert means["draft_f1"] == pytest.approx(2 / 3)
    assert means["supported"] == pytest.approx((1 / 4 + 1) / 2)
    assert means["supported_pooled"] == pytest.approx(2 / 5)
    assert means["citation_precision"] == pytest.approx(2 / 4)
    assert means["unanswerable_declined"] == pytest.approx(1 / 2)
    assert means["answerable_declined"] == pytest.approx(1 / 3)
    assert means["unanswerable_draft_declined"] == 0
    assert means["answerable_draft_declined"] == pytest.approx(1 / 3)
    assert means["seconds"] == pytest.approx(17 / 5)
    assert scores.median_seconds == 2
    assert (scores.questions, scores.answerable) == (5, 3)
    assert scores.estimates["f1"].count == 3


def test_what_cannot_be_measured_is_left_out() -> None:
    scores = score_arms([record("base", "a", supported=0, citations=0, correct_citations=0)])["base"]
    assert not {"supported", "supported_pooled", "citation_precision", "unanswerable_declined"} & set(scores.estimates)


def test_only_questions_that_every_arm_answered_count() -> None:
    records = [
        record("base", "a"),
        record("base", "b"),
        record("base", "c"),
        record("tuned", "c"),
        record("tuned", "a"),
    ]
    assert {arm: [r.question_id for r in own] for arm, own in shared(records).items()} == {
        "base": ["a", "c"],
        "tuned": ["a", "c"],
    }
    with pytest.raises(EvaluationError, match="no question"):
        shared([record("base", "a"), record("tuned", "b")])


def test_a_difference_is_that_of_the_figures_in_the_table() -> None:
    records = small_run()
    scores = score_arms(records)
    differences = compare_arms(records)
    assert {(d.arm, d.against) for d in differences} == set(PAIRS)
    for d in differences:
        one, other = scores[d.arm].estimates[d.measure], scores[d.against].estimates[d.measure]
        assert d.estimate.mean == pytest.approx(one.mean - other.mean)
    assert compare_arms(records) == differences


def difference(measure: MeasureName, arm: Arm, against: Arm, low: float, high: float) -> Difference:
    return Difference(measure, arm, against, Estimate((low + high) / 2, low, high, 9))


@pytest.mark.parametrize(
    ("measure", "low", "high", "gain"),
    [
        ("f1", 0.1, 0.2, 1),
        ("f1", -0.2, -0.1, -1),
        ("f1", -0.1, 0.2, 0),
        ("f1", 0, 0.2, 0),
        ("seconds", 0.1, 0.2, -1),
        ("answerable_declined", -0.2, -0.1, 1),
        ("prompt_tokens", 0.1, 0.2, 0),
    ],
)
def test_what_an_interval_shows(measure: MeasureName, low: float, high: float, gain: int) -> None:
    assert difference(measure, "tuned", "base", low, high).gain == gain


def test_the_verdict_says_what_the_intervals_say() -> None:
    differences = [
        difference("f1", "base+retrieval", "base", 0.15, 0.27),
        difference("f1", "tuned+retrieval", "tuned", 0.1, 0.2),
        difference("f1", "tuned+retrieval", "base+retrieval", -0.05, 0.07),
        difference("unanswerable_declined", "tuned+retrieval", "base+retrieval", 0.1, 0.3),
        difference("answerable_declined", "tuned+retrieval", "base+retrieval", 0.02, 0.06),
        difference("draft_f1", "tuned+retrieval", "base+retrieval", -0.1, 0.1),
        difference("f1", "tuned", "base", -0.2, -0.1),
    ]
    assert headline(differences) == (
        "Retrieval pays off, with and without tuning. "
        "Tuning costs quality without retrieval and shows no difference with retrieval."
    )
    first, _, tuning, alone = findings(differences)
    assert (first.outcome, first.sentence) == ("pays off", "+0.210 token F1 [0.150, 0.270] against base")
    assert (tuning.outcome, tuning.gain) == ("no difference shown", 0)
    assert [(s.label, s.value, s.gain) for s in tuning.also] == [
        ("Unanswerable declined", "+20 points [10, 30]", 1),
        ("Answerable wrongly declined", "+4 points [2, 6]", -1),
    ]
    assert tuning.same == ("token F1 of the draft",)
    assert (alone.outcome, alone.sentence) == ("costs quality", "−0.150 token F1 [−0.200, −0.100] against base")


def test_the_leader_and_who_cannot_be_told_from_it() -> None:
    records = [
        *f1_of([0.1, 0.2, 0.1, 0.0, 0.1, 0.2], "base"),
        *f1_of([0.8, 0.7, 0.9, 0.6, 0.8, 0.9], "base+retrieval"),
        *f1_of([0.9, 0.6, 0.9, 0.7, 0.7, 1.0], "tuned+retrieval"),
    ]
    differences = compare_arms(records)
    said = leader(score_arms(records), differences)
    assert said.startswith("Highest token F1: Tuned + retrieval, 0.800 [")
    assert said.endswith("over 6 answerable questions. Not told apart from it: Base + retrieval.")
    assert tied("tuned+retrieval", "f1", differences) == {"base+retrieval"}


def test_with_one_arm_there_is_nothing_to_say() -> None:
    assert compare_arms([record("base", "a")]) == ()
    assert headline(()).startswith("Nothing to compare")
    assert findings(()) == []


def test_when_arms_disagree() -> None:
    near, far = f1_of([0.5], "base"), f1_of([0.9], "tuned")
    assert disagree([*near, *far])
    assert not disagree([*near, *f1_of([0.7], "tuned")])
    assert disagree([record("base", "a"), declined("tuned", "a")])
    assert not disagree([declined("base", "a", answerable=False), declined("tuned", "a", answerable=False)])
