"""The file of a run: what a kill, a full disk, another process or other settings do to it."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from eval.errors import EvaluationError
from eval.records import RecordFile, read_run
from tests.eval.arms import record, settings


def filled(path: Path, count: int = 3) -> Path:
    with RecordFile.open(path, settings()) as file:
        for i in range(count):
            file.append(record("base", f"q{i}", answer="line\none\u2028two €"))
    return path


def test_what_was_added_is_there_again(tmp_path: Path) -> None:
    path = filled(tmp_path / "new folder" / "run.jsonl")
    with RecordFile.open(path, settings()) as file:
        assert file.done() == {("base", "q0"), ("base", "q1"), ("base", "q2")}
        file.append(record("tuned", "q0"))
        assert [r.key for r in file.records()][-1] == ("tuned", "q0")
    run = read_run(path)
    assert run.records[0].answer == "line\none\u2028two €"
    assert [r.key for r in run.records] == [("base", "q0"), ("base", "q1"), ("base", "q2"), ("tuned", "q0")]
    assert run.settings == settings()


def test_cut_anywhere_it_holds_the_lines_that_are_whole_and_goes_on(tmp_path: Path) -> None:
    data = filled(tmp_path / "whole.jsonl", 2).read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == 10]
    path = tmp_path / "cut.jsonl"
    for cut in [*range(0, len(data), 7), *(e - 1 for e in ends), *ends]:
        path.write_bytes(data[:cut])
        whole = sum(e <= cut for e in ends) - 1
        with RecordFile.open(path, settings()) as file:
            assert [r.question_id for r in file.records()] == ["q0", "q1"][: max(whole, 0)]
            assert file.dropped == cut - max((e for e in ends if e <= cut), default=0)
            file.append(record("tuned", "q9"))
        assert [r.question_id for r in read_run(path).records] == [*["q0", "q1"][: max(whole, 0)], "q9"]


def test_what_was_acknowledged_before_a_kill_is_there_after_it(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    script = (
        "import sys; from pathlib import Path; from eval.records import RecordFile;"
        "from tests.eval.arms import record, settings\n"
        "file = RecordFile.open(Path(sys.argv[1]), settings())\n"
        "for i in range(100000):\n    file.append(record('base', f'q{i}', answer='x' * 5000)); print(i, flush=True)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert child.stdout is not None
    said = [int(child.stdout.readline()) for _ in range(20)]
    child.send_signal(signal.SIGKILL)
    said += [int(line) for line in child.stdout.read().split()]
    child.wait()
    with RecordFile.open(path, settings()) as file:
        assert {("base", f"q{i}") for i in said} <= file.done()


def test_nobody_answers_twice(tmp_path: Path) -> None:
    path = filled(tmp_path / "run.jsonl")
    with RecordFile.open(path, settings()) as file, pytest.raises(EvaluationError, match="already answered q1"):
        file.append(record("base", "q1"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[1]]))
    with pytest.raises(EvaluationError, match=r"line 5: base answers q0 a second time"):
        read_run(path)


def test_other_settings_are_refused_by_name_and_another_start_is_not(tmp_path: Path) -> None:
    path = filled(tmp_path / "run.jsonl")
    with pytest.raises(EvaluationError, match=r"generation: 20250101T000000-abcd there, other now"):
        RecordFile.open(path, settings(generation="other"))
    with RecordFile.open(path, settings(created="2026-05-05T00:00:00Z")) as file:
        assert file.settings == settings()


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = filled(tmp_path / "run.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"question_id":"q1"', b'"question_id":7'))
    with pytest.raises(EvaluationError, match="line 3"):
        RecordFile.open(path, settings())


@pytest.mark.parametrize("content", ["a shopping list", "a shopping list\n", '{"format":"another"}\n'])
def test_another_file_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "list.txt"
    path.write_text(content)
    with pytest.raises(EvaluationError, match="not a file of records"):
        RecordFile.open(path, settings())
    assert path.read_text() == content


def test_one_run_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with RecordFile.open(path, settings()), pytest.raises(EvaluationError, match="another run"):
        RecordFile.open(path, settings())
    RecordFile.open(path, settings()).close()


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = filled(tmp_path / "run.jsonl")
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with RecordFile.open(path, settings()) as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, limits[1]))
        try:
            with pytest.raises(EvaluationError, match="make room"):
                file.append(record("tuned", "q0"))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.read_bytes() == before
        file.append(record("tuned", "q0"))
    assert read_run(path).records[-1].key == ("tuned", "q0")


def test_no_run_at_all(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="holds no run"):
        read_run(tmp_path / "none.jsonl")


def test_more_supported_than_there_are_is_no_record() -> None:
    with pytest.raises(ValidationError, match="more sentences supported"):
        record(sentences=1, supported=2)
