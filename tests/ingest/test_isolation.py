"""Files are read in a process of their own: what a hostile one does to it is a reason, and the next file is read."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ingest.errors import Unreadable
from ingest.isolation import IsolatedReader
from ingest.readers import Limits
from ingest.reading import InProcessReader

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
LIMITS = Limits(2**20)


@pytest.fixture
def reader() -> Iterator[IsolatedReader]:
    with IsolatedReader(LIMITS, seconds=20, megabytes=1000, function="tests.ingest.hostile_readers:by_name") as reader:
        yield reader


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text("A replacement SIM costs €8.", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        ("eats.md", "memory"),
        ("aborts.md", "crash"),
        ("segfaults.md", "crash"),
        ("exits.md", "crash"),
        ("lies.md", "crash"),
        ("forges.md", "crash"),
    ],
)
def test_what_a_file_does_to_its_reader_is_a_reason(reader: IsolatedReader, file: Path, name: str, stage: str) -> None:
    with pytest.raises(Unreadable) as refused:
        reader.read(file, name)
    assert refused.value.stage == stage
    (document,) = reader.read(file, "fine.md").documents
    assert document.sections[0].text == "A replacement SIM costs €8."


def test_a_file_that_takes_too_long_is_given_up(file: Path) -> None:
    with IsolatedReader(LIMITS, 1.5, 1000, "tests.ingest.hostile_readers:by_name") as reader:
        reader.read(file, "fine.md")
        began = time.monotonic()
        with pytest.raises(Unreadable, match="longer than") as refused:
            reader.read(file, "sleeps.md")
        assert refused.value.stage == "time"
        assert time.monotonic() - began < 4


def test_what_a_library_prints_does_no_harm(reader: IsolatedReader, file: Path) -> None:
    assert reader.read(file, "prints.md").documents[0].name == "prints.md"


def test_the_sample_documents_come_out_as_in_process() -> None:
    inside = InProcessReader(2**24)
    with IsolatedReader(Limits(2**24), 60, 1500) as reader:
        for path in sorted(EXAMPLES.rglob("*"))[::9]:
            if path.is_file():
                name = path.relative_to(EXAMPLES).as_posix()
                assert reader.read(path, name) == inside.read(path, name)


def test_a_refusal_keeps_its_reason(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pdf"
    empty.write_bytes(b"")
    with IsolatedReader(LIMITS, 60, 1500) as reader, pytest.raises(Unreadable, match="empty file") as refused:
        reader.read(empty, "empty.pdf")
    assert refused.value.stage == "open"


def test_no_process_outlives_its_parent(file: Path) -> None:
    script = f"""
        from pathlib import Path
        from ingest.isolation import IsolatedReader
        from ingest.readers import Limits
        reader = IsolatedReader(Limits(1000), 60, 1000, "tests.ingest.hostile_readers:by_name")
        reader.read(Path({str(file)!r}), "fine.md")
        print(reader._worker.pid, flush=True)
        import time; time.sleep(300)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    psutil.wait_procs([worker], timeout=10)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
