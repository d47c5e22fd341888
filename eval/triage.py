"""How well tickets are sent down the taxonomy: right at each level, right to the end, and sure when it's right."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from assistant.statistics import Estimate, estimate
from eval.errors import EvaluationError

_BINS = 15
_RESAMPLES = 2000
_SLACK = 1e-6  # products of rounded probabilities may pass 1 by this much
_CURVE_POINTS = 100
_PRINTED_COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

_Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of a ticket and what was said of it, as node ids from level 1 down.

    Either path may stop early; an empty true path is a ticket out of scope. `probabilities` holds the probability of
    the path down to each predicted level; `routed` says that no person has to look first.
    """

    true: tuple[str, ...]
    predicted: tuple[str, ...]
    probabilities: tuple[float, ...]
    routed: bool

    def __post_init__(self) -> None:
        if len(self.probabilities) != len(self.predicted):
            raise EvaluationError(
                f"{len(self.probabilities)} probabilities for {len(self.predicted)} predicted levels; give one a level"
            )
        if not all(0 <= p <= 1 + _SLACK for p in self.probabilities):
            raise EvaluationError(f"{self.probabilities} are not all probabilities; give numbers from 0 to 1")

    @property
    def right(self) -> bool:
        """The whole path is the true one."""
        return self.predicted == self.true

    @property
    def right_so_far(self) -> bool:
        """The path is true as far down as it was predicted."""
        return self.predicted == self.true[: len(self.predicted)]

    @property
    def confidence(self) -> float:
        """The probability of the deepest predicted level; 0 when there is none."""
        return self.probabilities[-1] if self.probabilities else 0.0

    def right_at(self, depth: int) -> bool:
        """The true and the predicted path both reach a level, counted from 1, and agree down to it."""
        return min(len(self.true), len(self.predicted)) >= depth and self.predicted[:depth] == self.true[:depth]


@dataclass(frozen=True, slots=True)
class LevelScores:
    """`accuracy`: over tickets whose true path reaches the level, one stopped above it counting as wrong.

    `reached`: the same over those that were predicted down to the level; None when none was.
    """

    depth: int
    accuracy: Estimate
    reached: Estimate | None


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """The share of whole paths that are wrong (`risk`) among the surest tickets, a share of all (`coverage`)."""

    coverage: float
    risk: float


@dataclass(frozen=True, slots=True)
class TriageScores:
    """Shares and F1s with intervals; None where no ticket is of that kind.

    `leaf`: the whole path is right. `coverage`: needs no review; `covered`: whole path right among those.
    `out_of_scope`: of the tickets out of scope, those given no label or kept for a person. `outside` counts predicted
    labels that the taxonomy doesn't hold.
    """

    tickets: int
    levels: tuple[LevelScores, ...]
    leaf: Estimate
    macro_f1: Estimate
    hierarchical_f1: Estimate
    calibration_error: Estimate | None
    coverage: Estimate
    covered: Estimate | None
    out_of_scope: Estimate | None
    outside: int
    risk_coverage: tuple[RiskPoint, ...]


def score_triage(judged: Sequence[Judged], taxonomy: Collection[str]) -> TriageScores:
    """All measures over tickets; `taxonomy` holds the ids of its nodes. Raises EvaluationError when none is labelled."""
    depths = max((len(j.true) for j in judged), default=0)
    if not depths:
        raise EvaluationError("none of these tickets is labelled, so nothing can be measured; give labelled tickets")
    known = frozenset(taxonomy)
    return TriageScores(
        tickets=len(judged),
        levels=tuple(_level(judged, depth) for depth in range(1, depths + 1)),
        leaf=estimate([float(j.right) for j in judged]),
        macro_f1=macro_f1(judged),
        hierarchical_f1=hierarchical_f1(judged),
        calibration_error=calibration_error(judged),
        coverage=estimate([float(j.routed) for j in judged]),
        covered=_share([j.right for j in judged if j.routed]),
        out_of_scope=_share([not (j.predicted and j.routed) for j in judged if not j.true]),
        outside=sum(node not in known for j in judged for node in j.predicted),
        risk_coverage=risk_coverage(judged),
    )


def macro_f1(judged: Sequence[Judged]) -> Estimate:
    """Mean F1 over the deepest labels that are true of some ticket; a path stopped above is a miss, no class of its own.

    Resamples take the mean over the labels that they hold. At least one ticket must be labelled.
    """
    codes = {name: code for code, name in enumerate(sorted({j.true[-1] for j in judged if j.true}))}
    other = len(codes)
    true = np.asarray([codes[j.true[-1]] if j.true else other for j in judged])
    predicted = np.asarray([codes.get(j.predicted[-1], other) if j.predicted else other for j in judged])

    def measure(rows: _Rows) -> float:
        t, p = true[rows], predicted[rows]
        hits, trues, said = (np.bincount(c, minlength=other + 1)[:other] for c in (t[t == p], t, p))
        there = trues > 0
        return float(np.mean(2 * hits[there] / (trues + said)[there])) if there.any() else np.nan

    return _bootstrap(measure, len(judged))


def hierarchical_f1(judged: Sequence[Judged]) -> Estimate:
    """Micro F1 over all tickets' sets of nodes, a node being its own ancestor (Kiritchenko et al., 2006)."""
    shared = np.asarray([len({*j.true} & {*j.predicted}) for j in judged])
    sizes = np.asarray([len({*j.true}) + len({*j.predicted}) for j in judged])

    def measure(rows: _Rows) -> float:
        size = int(sizes[rows].sum())
        return 2 * int(shared[rows].sum()) / size if size else np.nan

    return _bootstrap(measure, len(judged))


def calibration_error(judged: Sequence[Judged]) -> Estimate | None:
    """Expected calibration error in 15 bins of equal width (Naeini et al., 2015; Guo et al., 2017).

    Compares the deepest predicted level's probability with whether the path is right down to there; tickets without a
    prediction are left out, and None is returned when that is all. Chance gaps add up in resamples, so the interval
    leans upwards when the error is small.
    """
    said = [j for j in judged if j.predicted]
    if not said:
        return None
    confidence = np.asarray([j.confidence for j in said])
    gaps = confidence - np.asarray([j.right_so_far for j in said])
    # Closed above, as published: a probability of 0.2 falls into the bin that ends there.
    bins = np.digitize(confidence, np.linspace(0, 1, _BINS + 1)[1:-1], right=True)

    def measure(rows: _Rows) -> float:
        return float(np.abs(np.bincount(bins[rows], weights=gaps[rows])).sum() / len(rows))

    return _bootstrap(measure, len(said))


def risk_coverage(judged: Sequence[Judged]) -> tuple[RiskPoint, ...]:
    """At most 100 points of the risk-coverage curve (El-Yaniv & Wiener, 2010), by rising coverage, the last at 1.

    Routed tickets come before those kept for a person, since a path stopped high up is sure of little; then the more
    probable come first. Equally sure tickets come in together.
    """
    ranked = sorted(judged, key=_sureness, reverse=True)
    wrong = np.cumsum([not j.right for j in ranked])
    ends = [i for i, j in enumerate(ranked, start=1) if i == len(ranked) or _sureness(j) != _sureness(ranked[i])]
    # The first point in each hundredth of coverage is enough to draw the curve; the end of it is always kept.
    thinned = {end * _CURVE_POINTS // (len(ranked) + 1): end for end in reversed(ends)} | {_CURVE_POINTS - 1: ends[-1]}
    return tuple(RiskPoint(end / len(ranked), float(wrong[end - 1]) / end) for end in sorted(set(thinned.values())))


def lines(scores: TriageScores) -> list[str]:
    """The table to print, a line of plain text each."""
    rows: list[tuple[str, object]] = [("tickets", scores.tickets)]
    for level in scores.levels:
        rows.append((f"right at level {level.depth}", level.accuracy))
        rows.append(("  of those sent that far", level.reached))
    rows += [
        ("whole path right", scores.leaf),
        ("macro-F1 over leaves", scores.macro_f1),
        ("hierarchical F1", scores.hierarchical_f1),
        ("expected calibration error", scores.calibration_error),
        ("need no review", scores.coverage),
        ("  whole path right of those", scores.covered),
    ]
    if scores.out_of_scope is not None:
        rows.append(("out of scope, held back", scores.out_of_scope))
    rows.append(("labels outside the taxonomy", scores.outside))
    points = (next(p for p in scores.risk_coverage if p.coverage >= share) for share in _PRINTED_COVERAGES)
    rows += [(f"wrong of the surest {p.coverage:4.0%}", f"{p.risk:.3f}") for p in dict.fromkeys(points)]
    width = max(len(name) for name, _ in rows)
    return [f"{name:{width}}  {'none' if value is None else value}" for name, value in rows]


def as_dict(scores: TriageScores) -> dict[str, object]:
    """The scores as JSON takes them, under the names of their fields."""
    return asdict(scores)


def _sureness(judged: Judged) -> tuple[bool, float]:
    return judged.routed, judged.confidence


def _level(judged: Sequence[Judged], depth: int) -> LevelScores:
    deep = [j for j in judged if len(j.true) >= depth]
    return LevelScores(
        depth=depth,
        accuracy=estimate([float(j.right_at(depth)) for j in deep]),
        reached=_share([j.right_at(depth) for j in deep if len(j.predicted) >= depth]),
    )


def _share(samples: Sequence[bool]) -> Estimate | None:
    return estimate([float(s) for s in samples]) if samples else None


def _bootstrap(measure: Callable[[_Rows], float], count: int) -> Estimate:
    """A measure that is no mean over tickets, with its 95% percentile interval; NaN resamples are left out."""
    random = np.random.default_rng(0)
    resampled = [measure(random.integers(0, count, size=count)) for _ in range(_RESAMPLES)]
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return Estimate(measure(np.arange(count)), float(low), float(high), count)
