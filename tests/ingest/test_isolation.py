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

from ingest.errors import ReaderUnavailable, Unreadable
from ingest.isolation import IsolatedReader
from ingest.readers import Limits
from ingest.reading import InProcessReader
from ingest.sidecars import is_sidecar

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
        ("boasts.md", "crash"),
        ("closes.md", "crash"),
        ("invents.md", "crash"),
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


def test_nobody_waits_for_a_reader_that_boasts_or_falls_silent(reader: IsolatedReader, file: Path) -> None:
    reader.read(file, "fine.md")
    for name in ("boasts.md", "closes.md"):
        began = time.monotonic()
        with pytest.raises(Unreadable):
            reader.read(file, name)
        assert time.monotonic() - began < 15


def test_starting_does_not_count_towards_the_time_of_a_file(file: Path) -> None:
    with IsolatedReader(LIMITS, 0.2, 1000, "tests.ingest.slow_to_import:by_name") as reader:
        assert reader.read(file, "fine.md").documents


def test_a_reader_that_does_not_start_is_no_fault_of_the_file(file: Path) -> None:
    with (
        IsolatedReader(LIMITS, 20, 1000, "tests.ingest.no_such_module:read") as reader,
        pytest.raises(ReaderUnavailable, match="does not start"),
    ):
        reader.read(file, "fine.md")


def test_modules_in_the_current_folder_are_not_run(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bs4.py").write_text(f"open({str(tmp_path / 'run')!r}, 'w')", encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text("<h1>SIM</h1><p>A replacement SIM costs €8.</p>", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with IsolatedReader(LIMITS, 20, 1000) as reader:
        assert reader.read(page, "page.html").documents
    assert not (tmp_path / "run").exists()


def test_a_reason_is_one_short_line_without_control_characters(reader: IsolatedReader, file: Path) -> None:
    with pytest.raises(Unreadable) as refused:
        reader.read(file, "shouts.md")
    assert str(refused.value).startswith("[31mred x")
    assert len(str(refused.value)) == 500


def test_no_secret_of_the_environment_reaches_the_reader(
    reader: IsolatedReader, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWITCHBOARD_API_KEY", "secret")
    with pytest.raises(Unreadable) as refused:
        reader.read(file, "tells.md")
    assert "PYTHONPATH" in str(refused.value)
    assert "SWITCHBOARD" not in str(refused.value)


def test_readers_are_not_imported_before_a_file_is_read() -> None:
    script = "import sys, ingest.isolation, ingest.reading; print({'bs4', 'pdfplumber', 'docx'} & set(sys.modules))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    assert said.stdout.strip() == "set()"


def test_what_a_library_prints_does_no_harm(reader: IsolatedReader, file: Path) -> None:
    assert reader.read(file, "prints.md").documents[0].name == "prints.md"


def test_the_sample_documents_come_out_as_in_process() -> None:
    inside = InProcessReader(2**24)
    with IsolatedReader(Limits(2**24), 60, 1500) as reader:
        for path in sorted(EXAMPLES.rglob("*"))[::9]:
            if path.is_file() and not is_sidecar(path):
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
