"""Figures as people read them: shares in per cent, differences with their sign, intervals in brackets."""

from __future__ import annotations

from assistant.statistics import Estimate
from eval.comparison import Unit
from eval.records import Arm

ARM_NAMES: dict[Arm, str] = {
    "base": "Base",
    "base+retrieval": "Base + retrieval",
    "tuned": "Tuned",
    "tuned+retrieval": "Tuned + retrieval",
}


def figure(value: float, unit: Unit) -> str:
    """One figure with its unit."""
    match unit:
        case "share":
            return f"{100 * value:.0f}%"
        case "seconds":
            return f"{value:.2f} s"
        case "tokens":
            return f"{value:,.0f}"
        case "score":
            return f"{value:.3f}"


def interval(estimate: Estimate, unit: Unit) -> str:
    """The ends of an interval in brackets, the unit left to the figure before it."""
    return f"[{_bare(estimate.low, unit)}, {_bare(estimate.high, unit)}]"


def change(difference: float, unit: Unit) -> str:
    """A difference with its sign and unit; shares differ by percentage points."""
    names = {"share": " points", "seconds": " s", "tokens": "", "score": ""}
    return f"{'+' if difference >= 0 else '−'}{_bare(abs(difference), unit)}{names[unit]}"


def signed(estimate: Estimate, unit: Unit, of: str = "") -> str:
    """A difference, what it is of, and its interval."""
    return " ".join(filter(None, (change(estimate.mean, unit), of, interval(estimate, unit))))


def _bare(value: float, unit: Unit) -> str:
    text = {
        "share": f"{100 * value:.0f}",
        "seconds": f"{value:.2f}",
        "tokens": f"{value:,.0f}",
        "score": f"{value:.3f}",
    }[unit]
    # no minus before what rounds to 0
    return text.replace("-", "−") if any(c in text for c in "123456789") else text.replace("-", "")


def counted(count: int, noun: str) -> str:
    """A number of things, the noun in the plural unless there is one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
