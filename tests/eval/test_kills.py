"""Refreshes killed at random moments leave the knowledge base whole, and readers notice nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.kills import kill_refreshes


@pytest.mark.timeout(900)
def test_a_dozen_kills_with_four_readers(tmp_path: Path) -> None:
    report = kill_refreshes(tmp_path, 12, readers=4, seed=1)
    assert report.failed_reads == ()
    assert report.mixtures == ()
    assert report.corrupt == ()
    assert report.unfinished == ()
    assert report.hit >= 4
    assert report.answers > 100
    assert report.generations > 3
