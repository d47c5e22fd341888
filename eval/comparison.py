"""Four arms on the same questions: the base model and the tuned one, each with and without retrieval."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.statistics import Estimate, paired_difference, weighted
from eval.errors import EvaluationError
from eval.records import ARMS, Arm, Record
from eval.text import exact_match, token_f1

MeasureName = Literal[
    "f1",
    "exact",
    "draft_f1",
    "supported",
    "supported_pooled",
    "citation_precision",
    "unanswerable_declined",
    "answerable_declined",
    "unanswerable_draft_declined",
    "answerable_draft_declined",
    "seconds",
    "prompt_tokens",
    "output_tokens",
]
Unit = Literal["score", "share", "seconds", "tokens"]

# each pair is (arm, what it is compared with), so that a gain is what the arm adds
PAIRS: tuple[tuple[Arm, Arm], ...] = (
    ("base+retrieval", "base"),
    ("tuned+retrieval", "tuned"),
    ("tuned+retrieval", "base+retrieval"),
    ("tuned", "base"),
    ("tuned", "base+retrieval"),
    ("tuned+retrieval", "base"),
)
_APART = 0.3  # token F1 between the best and the worst arm from which they are said to disagree


@dataclass(frozen=True, slots=True)
class Sample:
    """What one record adds to a mean; without weight it does not count."""

    value: float
    weight: float = 1.0


_NOTHING = Sample(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Measure:
    """A mean over records: `better` is +1 when higher is better, -1 when lower is, 0 when neither."""

    name: MeasureName
    label: str
    unit: Unit
    better: int
    sample: Callable[[Record], Sample]


@dataclass(frozen=True, slots=True)
class ArmScores:
    """An arm's means over the questions that all arms answered; what it gave no occasion to measure is left out."""

    arm: Arm
    questions: int
    answerable: int
    estimates: Mapping[MeasureName, Estimate]
    median_seconds: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean of `arm` less that of `against`, on the same questions."""

    measure: MeasureName
    arm: Arm
    against: Arm
    estimate: Estimate

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.estimate.low > 0 or self.estimate.high < 0

    @property
    def gain(self) -> int:
        """+1 when the arm is shown to be better, -1 when it is shown to be worse, 0 when no difference is shown."""
        better = MEASURES[self.measure].better
        return (better if self.estimate.low > 0 else -better) if self.shown else 0


def shown_f1(record: Record) -> float:
    """Token F1 of the shown answer, 0 when it declines."""
    return 0.0 if record.declined else token_f1(record.answer, record.reference)


def _draft_f1(record: Record) -> float:
    return 0.0 if record.draft_declined else token_f1(record.draft, record.reference)


def _share(part: int, whole: int, *, pooled: bool) -> Sample:
    return Sample(part / whole, whole if pooled else 1.0) if whole else _NOTHING


def _supported(record: Record, *, pooled: bool) -> Sample:
    # what no passage was given for cannot be judged by the passages given
    return _share(record.supported, record.sentences if record.passages else 0, pooled=pooled)


def _answerable(value: Callable[[Record], float]) -> Callable[[Record], Sample]:
    return lambda r: Sample(value(r)) if r.answerable else _NOTHING


def _unanswerable(value: Callable[[Record], float]) -> Callable[[Record], Sample]:
    return lambda r: _NOTHING if r.answerable else Sample(value(r))


MEASURES: Mapping[MeasureName, Measure] = {
    m.name: m
    for m in (
        Measure("f1", "Token F1", "score", 1, _answerable(shown_f1)),
        Measure(
            "exact",
            "Exact match",
            "share",
            1,
            _answerable(lambda r: not r.declined and exact_match(r.answer, r.reference)),
        ),
        Measure("draft_f1", "Token F1 of the draft", "score", 1, _answerable(_draft_f1)),
        Measure("supported", "Sentences supported, per draft", "share", 1, lambda r: _supported(r, pooled=False)),
        Measure("supported_pooled", "Sentences supported, of all", "share", 1, lambda r: _supported(r, pooled=True)),
        Measure(
            "citation_precision",
            "Citations correct",
            "share",
            1,
            lambda r: _share(r.correct_citations, r.citations, pooled=True),
        ),
        Measure("unanswerable_declined", "Unanswerable declined", "share", 1, _unanswerable(lambda r: r.declined)),
        Measure("answerable_declined", "Answerable wrongly declined", "share", -1, _answerable(lambda r: r.declined)),
        Measure(
            "unanswerable_draft_declined",
            "Unanswerable declined by the draft",
            "share",
            1,
            _unanswerable(lambda r: r.draft_declined),
        ),
        Measure(
            "answerable_draft_declined",
            "Answerable wrongly declined by the draft",
            "share",
            -1,
            _answerable(lambda r: r.draft_declined),
        ),
        Measure("seconds", "Seconds an answer", "seconds", -1, lambda r: Sample(r.seconds)),
        Measure("prompt_tokens", "Tokens read", "tokens", 0, lambda r: Sample(r.prompt_tokens)),
        Measure("output_tokens", "Tokens written", "tokens", 0, lambda r: Sample(r.output_tokens)),
    )
}


def shared(records: Sequence[Record]) -> dict[Arm, list[Record]]:
    """The records of each arm, in the same order, of the questions that every arm answered.

    Raises EvaluationError when there is no such question.
    """
    by_arm = {a: {r.question_id: r for r in records if r.arm == a} for a in ARMS}
    present = {a: answered for a, answered in by_arm.items() if answered}
    asked = dict.fromkeys(r.question_id for r in records)
    ids = [q for q in asked if all(q in answered for answered in present.values())]
    if not ids:
        raise EvaluationError("no question has been answered by all arms yet; run the command again to go on")
    return {a: [answered[q] for q in ids] for a, answered in present.items()}


def score_arms(records: Sequence[Record]) -> dict[Arm, ArmScores]:
    """Every measure of every arm, on the questions that all of them answered. Raises EvaluationError without any."""
    scores: dict[Arm, ArmScores] = {}
    for arm, own in shared(records).items():
        samples = {m: [measure.sample(r) for r in own] for m, measure in MEASURES.items()}
        scores[arm] = ArmScores(
            arm=arm,
            questions=len(own),
            answerable=sum(r.answerable for r in own),
            estimates={
                m: weighted(*_columns(of_measure)) for m, of_measure in samples.items() if _any_weight(of_measure)
            },
            median_seconds=statistics.median(r.seconds for r in own),
        )
    return scores


def compare_arms(records: Sequence[Record]) -> tuple[Difference, ...]:
    """The paired differences in PAIRS between the arms that there are, by pair and measure; on the questions that all
    of them answered. Raises EvaluationError without any."""
    by_arm = shared(records)
    found: list[Difference] = []
    samples = {(a, m): [measure.sample(r) for r in own] for a, own in by_arm.items() for m, measure in MEASURES.items()}
    for arm, against in PAIRS:
        for name in MEASURES:
            left, right = samples.get((arm, name), []), samples.get((against, name), [])
            if _any_weight(left) and _any_weight(right):
                (values, weights), (others, other_weights) = _columns(left), _columns(right)
                found.append(Difference(name, arm, against, paired_difference(values, others, weights, other_weights)))
    return tuple(found)


def disagree(answers: Sequence[Record]) -> bool:
    """Whether arms differ on a question: one declines and another does not, or their token F1 lie far apart."""
    if len({r.declined for r in answers}) > 1:
        return True
    scores = [shown_f1(r) for r in answers if r.answerable]
    return bool(scores) and max(scores) - min(scores) >= _APART


def _any_weight(samples: Sequence[Sample]) -> bool:
    return any(s.weight for s in samples)


def _columns(samples: Sequence[Sample]) -> tuple[list[float], list[float]]:
    return [s.value for s in samples], [s.weight for s in samples]
