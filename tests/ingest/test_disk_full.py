"""A disk that fills up during a refresh: a clear error, the old generation serves, nothing half written stays."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.errors import KnowledgeBaseError
from index.library import KnowledgeBase
from ingest.reading import InProcessReader
from ingest.refresh import Refresher
from tests.doubles import WordHashEmbedder

_SIZE = 2 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can only be mounted by root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def left(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def fill(place: Path, spare: int) -> Path:
    free = os.statvfs(place)
    filler = place / "filler"
    filler.write_bytes(b"x" * (free.f_bavail * free.f_frsize - spare))
    return filler


def test_a_full_disk_changes_nothing_however_far_the_refresh_gets(small_disk: Path, documents: Path) -> None:
    folder = small_disk / "kb"
    knowledge_base = KnowledgeBase(folder)
    refresher = Refresher(knowledge_base, WordHashEmbedder(), 60, InProcessReader(100_000))
    refresher.refresh([documents])
    before, files = knowledge_base.current_id(), left(folder / "generations")
    for number in range(40):
        text = "".join(f"## Part {n}\n\nPart {n} of number {number}.\n\n" for n in range(2))
        (documents / f"n{number}.md").write_text(f"# N{number}\n\n{text}", encoding="utf-8")
    spare, said = 0, set()
    while True:
        shutil.rmtree(folder / "vectors")  # they are put away as soon as they are computed
        filler = fill(small_disk, spare)
        try:
            report = refresher.refresh([documents])
            break
        except KnowledgeBaseError as exc:
            said.add(str(exc))
        assert KnowledgeBase(folder).current().id == before
        assert left(folder / "generations") == files
        assert not list(folder.rglob(".*"))
        filler.unlink()
        spare += 20_000
    assert report.documents == 43
    assert all("no space left" in s.lower() and "serves" in s for s in said)
    assert len({s.split(str(folder))[0] for s in said}) >= 3  # before writing, and at several places while writing
