"""What is old is gone a few seconds after it changed."""

from __future__ import annotations

from pathlib import Path

from eval.freshness import measure_freshness


def test_three_kinds_of_change(tmp_path: Path) -> None:
    found = measure_freshness(tmp_path, 30, 3)
    assert found.failed == ()
    assert 0 < found.median <= found.longest < 15
    assert found.questions > 20
