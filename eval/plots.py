"""Plots as inline SVG, drawn for one column of a phone; colours come from the page, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from assistant.statistics import Estimate
from eval.comparison import MEASURES, ArmScores, Difference, MeasureName, Unit
from eval.figures import ARM_NAMES, figure, interval, signed
from eval.records import Arm

_WIDTH = 340
_LEFT, _RIGHT = 112, 286  # the plotting area; names stand before it, figures after
_ROW = 26
_BINS = 32


def arm_class(arm: Arm) -> str:
    """The CSS class that gives an arm its colour."""
    return f"arm {arm.replace('+', '-')}"


def bars(measure: MeasureName, scores: Mapping[Arm, ArmScores]) -> str:
    """A bar with the whiskers of its interval for each arm; empty when no arm has the measure."""
    found = {a: s.estimates[measure] for a, s in scores.items() if measure in s.estimates}
    if not found:
        return ""
    unit = MEASURES[measure].unit
    top = 1.0 if unit == "share" else _ceiling(max(e.high for e in found.values()))
    parts = [_axis(0, top, unit, 8 + _ROW * len(scores))]
    for row, arm in enumerate(scores):
        y = 8 + _ROW * row
        parts.append(f'<text class="name" x="0" y="{y + 17}">{ARM_NAMES[arm]}</text>')
        if arm in found:
            parts.append(_bar(arm, found[arm], top, y))
            parts.append(f'<text class="value" x="{_WIDTH}" y="{y + 17}">{figure(found[arm].mean, unit)}</text>')
        else:
            parts.append(f'<text class="none" x="{_LEFT + 4}" y="{y + 17}">not measured</text>')
    told = "; ".join(f"{ARM_NAMES[a]} {figure(e.mean, unit)} {interval(e, unit)}" for a, e in found.items())
    return _svg("".join(parts), 8 + _ROW * len(scores) + 22, f"{MEASURES[measure].label}: {told}")


def forest(differences: Sequence[Difference], measure: MeasureName) -> str:
    """The paired differences of one measure as points with whiskers about 0; empty without any."""
    found = [d for d in differences if d.measure == measure]
    if not found:
        return ""
    unit = MEASURES[measure].unit
    reach = _ceiling(max(max(abs(d.estimate.low), abs(d.estimate.high)) for d in found))
    step = 46
    height = 6 + step * len(found)
    parts = [_axis(-reach, reach, unit, height, left=6, right=_WIDTH - 6)]

    def x(value: float) -> float:
        return _place(value, -reach, reach, 6, _WIDTH - 6)

    for row, d in enumerate(found):
        y = 6 + step * row
        e = d.estimate
        tone = {1: "good", -1: "bad", 0: "same"}[d.gain]
        parts.append(
            f'<text class="name" x="0" y="{y + 13}">{ARM_NAMES[d.arm]} <tspan class="dim">less</tspan> '
            f"{ARM_NAMES[d.against].lower()}</text>"
            f'<g class="{tone}"><line class="whisker" x1="{x(e.low):.1f}" x2="{x(e.high):.1f}" y1="{y + 28}" y2="{y + 28}"/>'
            f'<circle cx="{x(e.mean):.1f}" cy="{y + 28}" r="5"/></g>'
        )
    told = "; ".join(f"{ARM_NAMES[d.arm]} less {ARM_NAMES[d.against]} {signed(d.estimate, unit)}" for d in found)
    return _svg("".join(parts), height + 22, f"Differences in {MEASURES[measure].label}: {told}")


def declining(scores: Mapping[Arm, ArmScores]) -> str:
    """Unanswerable questions declined against answerable ones wrongly declined; the ideal is the upper left corner."""
    wrong: MeasureName = "answerable_declined"
    right: MeasureName = "unanswerable_declined"
    found = {a: s.estimates for a, s in scores.items() if wrong in s.estimates and right in s.estimates}
    if not found:
        return ""
    left, base, side = 40, 268, 240

    def x(share: float) -> float:
        return left + side * share

    def y(share: float) -> float:
        return base - side * share

    parts = [
        f'<text class="axis" x="0" y="12">unanswerable declined</text>'
        f'<text class="axis" x="{x(0.5)}" y="{base + 34}" text-anchor="middle">answerable wrongly declined</text>'
        f'<path class="level" d="M{x(0)} {y(0)}L{x(1)} {y(1)}"/>'
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(
            f'<path class="grid" d="M{x(tick)} {y(0)}V{y(1)}M{x(0)} {y(tick)}H{x(1)}"/>'
            f'<text class="tick" x="{x(tick)}" y="{base + 16}" text-anchor="middle">{tick:.0%}</text>'
            f'<text class="tick" x="{left - 6}" y="{y(tick) + 4}" text-anchor="end">{tick:.0%}</text>'
        )
    for row, (arm, estimates) in enumerate(found.items()):
        a, b = estimates[wrong], estimates[right]
        # the key stands below the line, where no arm that tells questions apart is
        key = base - 18 * (len(found) - row) + 4
        parts.append(
            f'<g class="{arm_class(arm)}"><path class="whisker" d="M{x(a.low):.1f} {y(b.mean):.1f}H{x(a.high):.1f}'
            f'M{x(a.mean):.1f} {y(b.low):.1f}V{y(b.high):.1f}"/>{_mark(arm, x(a.mean), y(b.mean))}{_mark(arm, 172, key)}</g>'
            f'<text class="name" x="184" y="{key + 4}">{ARM_NAMES[arm]}</text>'
        )
    told = "; ".join(
        f"{ARM_NAMES[a]}: {figure(e[right].mean, 'share')} of unanswerable declined, "
        f"{figure(e[wrong].mean, 'share')} of answerable wrongly declined"
        for a, e in found.items()
    )
    return _svg("".join(parts), base + 42, told)


def seconds(by_arm: Mapping[Arm, Sequence[float]]) -> str:
    """A histogram of seconds for each arm on one scale, the median marked."""
    top = _ceiling(max(max(s) for s in by_arm.values()))
    step = 62
    height = step * len(by_arm)
    parts = [_axis(0, top, "seconds", height, left=6, right=_WIDTH - 6)]

    def x(value: float) -> float:
        return _place(value, 0, top, 6, _WIDTH - 6)

    for row, (arm, own) in enumerate(by_arm.items()):
        base = step * (row + 1)
        counts, edges = np.histogram(own, bins=_BINS, range=(0, top))
        tall = [38 * c / counts.max() for c in counts]
        boxes = "".join(
            f'<rect class="bar" x="{x(e) + 0.5:.1f}" y="{base - t:.1f}" width="{x(top / _BINS) - x(0) - 1:.1f}" height="{t:.1f}"/>'
            for e, t in zip(edges[:-1], tall, strict=True)
            if t
        )
        middle = float(np.median(own))
        parts.append(
            f'<g class="{arm_class(arm)}">{boxes}</g><path class="median" d="M{x(middle):.1f} {base}v-42"/>'
            f'<text class="name" x="12" y="{base - 46}">{ARM_NAMES[arm]}</text>'
            f'<text class="value" x="{_WIDTH - 6}" y="{base - 46}">median {middle:.2f} s</text>'
        )
    told = "; ".join(f"{ARM_NAMES[a]}: median {np.median(s):.2f} seconds" for a, s in by_arm.items())
    return _svg("".join(parts), height + 22, told)


def _bar(arm: Arm, estimate: Estimate, top: float, y: float) -> str:
    end, low, high = (_place(v, 0, top, _LEFT, _RIGHT) for v in (estimate.mean, estimate.low, estimate.high))
    middle = y + 13
    whisker = f"M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"
    return (
        f'<rect class="bar {arm_class(arm)}" x="{_LEFT}" y="{y + 5}" width="{max(end - _LEFT, 1):.1f}" height="16" rx="2"/>'
        f'<path class="halo" d="{whisker}"/><path class="whisker" d="{whisker}"/>'
    )


def _mark(arm: Arm, x: float, y: float) -> str:
    """A circle for the base model, a square for the tuned one; retrieval fills it."""
    if arm.startswith("base"):
        return f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="6.5"/>'
    return f'<rect class="mark" x="{x - 6:.1f}" y="{y - 6:.1f}" width="12" height="12" rx="1.5"/>'


def _axis(low: float, high: float, unit: Unit, y: float, left: float = _LEFT, right: float = _RIGHT) -> str:
    parts: list[str] = []
    for step in range(5):
        value = low + (high - low) * step / 4
        x = _place(value, low, high, left, right)
        anchor = "middle" if left == _LEFT or 0 < step < 4 else ("start" if step == 0 else "end")
        kind = "zero" if value == 0 else "grid"
        label = f"{100 * value:.0f}" + ("%" if low == 0 else "") if unit == "share" else f"{value:g}"
        parts.append(
            f'<path class="{kind}" d="M{x:.1f} 4V{y}"/>'
            f'<text class="tick" x="{x:.1f}" y="{y + 16}" text-anchor="{anchor}">{label.replace("-", "−")}</text>'
        )
    return "".join(parts)


def _place(value: float, low: float, high: float, left: float, right: float) -> float:
    return left + (right - left) * (value - low) / (high - low)


def _ceiling(value: float) -> float:
    """The next round number whose quarters are round too."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * m for m in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if power * m >= value)


def _svg(content: str, height: float, told: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(told)}">{content}</svg>'
