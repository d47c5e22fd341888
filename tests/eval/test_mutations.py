"""A damaged file is read or refused, and nothing else."""

from __future__ import annotations

from pathlib import Path

from eval.mutations import read_mutations, seeds
from ingest.readers import Limits, read_file
from tests.conftest import EXAMPLES


def test_the_sound_files_are_read(tmp_path: Path) -> None:
    for suffix, data in seeds(EXAMPLES / "documents").items():
        path = tmp_path / f"sound{suffix}"
        path.write_bytes(data)
        reading = read_file(path, path.name, Limits(2**24))
        assert reading.documents
        assert not reading.failures


def test_forty_damaged_files(tmp_path: Path) -> None:
    found = read_mutations(tmp_path, EXAMPLES / "documents", 40, seed=1)
    assert found.escaped == ()
    assert found.read + found.refused + found.deaths + found.memory + found.timeouts == found.files == 40
    assert found.read > 5
    assert found.refused > 5
