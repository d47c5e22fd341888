"""What is timed is what it is called."""

from __future__ import annotations

from pathlib import Path

from eval.refresh_speed import time_refreshes
from tests.doubles import WordHashEmbedder


def test_the_four_refreshes(tmp_path: Path) -> None:
    timings = time_refreshes(tmp_path, WordHashEmbedder(), 30, 0.1)
    assert [t.name for t in timings] == ["everything is new", "nothing changed", "10% changed", "10% changed back"]
    assert [(t.passages, t.embedded) for t in timings] == [(90, 90), (90, 0), (90, 3), (90, 0)]
    assert timings[0].share == 1
    assert all(t.total >= sum(t.stages.values()) * 0.9 for t in timings)
