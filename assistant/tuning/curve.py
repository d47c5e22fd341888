"""The learning curve as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def draw_curve(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Training and dev loss (nats per learned token) over steps, as an SVG file."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for key, label, style in (("loss", "training", "-"), ("eval_loss", "dev", "o-")):
        points = [(row["step"], row[key]) for row in rows if key in row]
        if points:
            axes.plot([s for s, _ in points], [loss for _, loss in points], style, label=label, markersize=4)
    axes.set(xlabel="step", ylabel="loss (nats per token)", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, format="svg", metadata={"Date": None})
