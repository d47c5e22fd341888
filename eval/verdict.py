"""What the paired differences say, in plain words; nothing here that the intervals do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.comparison import MEASURES, ArmScores, Difference, MeasureName
from eval.figures import ARM_NAMES, figure, interval, signed
from eval.records import Arm

_NONE_SHOWN = "no difference shown"
# what is told beside token F1, in this order
_ALSO: tuple[MeasureName, ...] = (
    "draft_f1",
    "supported",
    "citation_precision",
    "unanswerable_declined",
    "answerable_declined",
    "seconds",
)


@dataclass(frozen=True, slots=True)
class Shift:
    """How much one measure differs: `gain` +1 when that is better, -1 when it is worse."""

    label: str
    value: str
    gain: int


@dataclass(frozen=True, slots=True)
class Finding:
    """What one change does: `gain` +1 when it pays off, -1 when it costs quality, 0 when no difference is shown.

    `sentence` is about token F1; `also` are other measures that are shown to differ, `same` those that are not.
    """

    title: str
    gain: int
    outcome: str
    sentence: str
    also: tuple[Shift, ...]
    same: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Change:
    """One arm against another, and the words for better and worse."""

    arm: Arm
    against: Arm
    title: str
    better: str = "pays off"
    worse: str = "costs quality"


_CHANGES = (
    _Change("base+retrieval", "base", "Retrieval, without tuning"),
    _Change("tuned+retrieval", "tuned", "Retrieval, with tuning"),
    _Change("tuned+retrieval", "base+retrieval", "Tuning, with retrieval"),
    _Change("tuned", "base", "Tuning, without retrieval"),
    _Change("tuned", "base+retrieval", "Tuning instead of retrieval", "is better", "is worse"),
    _Change("tuned+retrieval", "base", "Both, against neither"),
)


def headline(differences: Sequence[Difference]) -> str:
    """Whether retrieval and tuning pay off on token F1, in a sentence each."""
    retrieval = _together("Retrieval", "tuning", differences, _CHANGES[0], _CHANGES[1])
    tuning = _together("Tuning", "retrieval", differences, _CHANGES[3], _CHANGES[2])
    said = " ".join(filter(None, (retrieval, tuning)))
    return said or "Nothing to compare yet: that takes two arms and answerable questions."


def leader(scores: Mapping[Arm, ArmScores], differences: Sequence[Difference]) -> str:
    """Which arm has the highest token F1, and which others cannot be told from it; empty without answerable questions."""
    found = {a: s.estimates["f1"] for a, s in scores.items() if "f1" in s.estimates}
    if not found:
        return ""
    best = max(found, key=lambda a: found[a].mean)
    value = f"{figure(found[best].mean, 'score')} {interval(found[best], 'score')}"
    told = f"Highest token F1: {ARM_NAMES[best]}, {value}, over {found[best].count} answerable questions."
    same = [ARM_NAMES[a] for a in found if a in tied(best, "f1", differences)]
    return f"{told} Not told apart from it: {', '.join(same)}." if same else told


def tied(best: Arm, measure: MeasureName, differences: Sequence[Difference]) -> set[Arm]:
    """The arms whose difference from the best one could be none."""
    of_measure = [d for d in differences if d.measure == measure and not d.shown and best in (d.arm, d.against)]
    return {d.against if d.arm == best else d.arm for d in of_measure}


def findings(differences: Sequence[Difference]) -> list[Finding]:
    """What each change does, for those whose two arms there are."""
    found = (_finding(c, differences) for c in _CHANGES)
    return [f for f in found if f is not None]


def _finding(change: _Change, differences: Sequence[Difference]) -> Finding | None:
    own = {d.measure: d for d in differences if (d.arm, d.against) == (change.arm, change.against)}
    if "f1" not in own:
        return None
    first = own["f1"]
    outcome = {1: change.better, -1: change.worse, 0: _NONE_SHOWN}[first.gain]
    told = [own[m] for m in _ALSO if m in own]
    return Finding(
        title=change.title,
        gain=first.gain,
        outcome=outcome,
        sentence=f"{signed(first.estimate, 'score', 'token F1')} against {ARM_NAMES[change.against].lower()}",
        also=tuple(_shift(d) for d in told if d.shown),
        same=tuple(_in_sentence(MEASURES[d.measure].label) for d in told if not d.shown),
    )


def _shift(difference: Difference) -> Shift:
    measure = MEASURES[difference.measure]
    return Shift(measure.label, signed(difference.estimate, measure.unit), difference.gain)


def _together(name: str, other: str, differences: Sequence[Difference], without: _Change, beside: _Change) -> str:
    """One sentence on a change that was made twice: without the other change, and beside it."""
    f1 = {(d.arm, d.against): d.gain for d in differences if d.measure == "f1"}
    gains = {w: f1[c.arm, c.against] for w, c in (("without", without), ("with", beside)) if (c.arm, c.against) in f1}
    words = {1: "pays off", -1: "costs quality", 0: "shows no difference"}
    if not gains:
        return ""
    if len(set(gains.values())) == 1:
        where = f"with and without {other}" if len(gains) == 2 else f"{next(iter(gains))} {other}"
        return f"{name} {words[next(iter(gains.values()))]}, {where}."
    return f"{name} {' and '.join(f'{words[g]} {where} {other}' for where, g in gains.items())}."


def _in_sentence(label: str) -> str:
    return label[0].lower() + label[1:]
