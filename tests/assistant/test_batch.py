"""A batch loses nothing and does nothing twice: not when rows are bad, not when it is killed, not when the model is away."""

from __future__ import annotations

import asyncio
import csv
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.chat_model import Message
from assistant.errors import AssistantError, DatasetError, ModelUnavailable
from assistant.triage import batch as batches
from assistant.triage.batch import Batch, Summary
from assistant.triage.classification import Classifier
from assistant.triage.taxonomy import Taxonomy
from tests.doubles import ScriptedChatModel

TREE = "name: t\nnodes:\n- {id: bill, name: Bills, queue: billing}\n- {id: net, name: Network, queue: network}\n"


def first_letter(messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
    """Sure of the network when the ticket has an odd number, of the bill otherwise."""
    odd = int("".join(c for c in messages[1].content.splitlines()[0] if c.isdigit()) or 0) % 2
    return [0.1, 0.9] if odd else [0.9, 0.1]


def classifier(folder: Path, chooses: object = first_letter) -> Classifier:
    (folder / "tree.yaml").write_text(TREE, encoding="utf-8")
    return Classifier(ScriptedChatModel(chooses=chooses), Taxonomy.load(folder / "tree.yaml"))  # type: ignore[arg-type]


def run(folder: Path, source: Path, output: Path, chooses: object = first_letter) -> Summary:
    return asyncio.run(Batch(source, output).run(classifier(folder, chooses), "scripted", 4))


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_keeps_its_columns_and_gains_the_decision(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text(
        'ref;x,text,note\n1,"ticket number 1, with\na line break",ä\n2,ticket number 2,"say ""hi"""\n', "utf-8"
    )
    summary = run(tmp_path, source, tmp_path / "out.csv")
    rows = table(tmp_path / "out.csv")
    assert [(r["ref;x"], r["text"], r["note"]) for r in rows] == [
        ("1", "ticket number 1, with\na line break", "ä"),
        ("2", "ticket number 2", 'say "hi"'),
    ]
    assert [(r["triage_label"], r["triage_queue"], r["triage_probabilities"]) for r in rows] == [
        ("net", "network", "0.9000"),
        ("bill", "billing", "0.9000"),
    ]
    assert summary == Summary(2, 0, 0, 0, {"network": 1, "billing": 1})
    assert not (tmp_path / "out.csv.part").exists()


def test_a_bad_row_is_recorded_and_the_rest_is_done(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    rows = [
        {"text": "ticket number 1"},
        {"text": ""},
        {"other": 1, "text": 5},
        {"text": "ticket number 4", "deep": {"a": [1]}},
    ]
    source.write_text("".join(json.dumps(r) + "\n" for r in rows) + "\n", "utf-8")
    summary = run(tmp_path, source, tmp_path / "out.jsonl")
    done = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [r["triage_label"] for r in done] == ["net", "", "", "bill"]
    assert [bool(r["triage_error"]) for r in done] == [False, True, True, False]
    assert done[3]["deep"] == {"a": [1]}
    assert (summary.tickets, summary.failed) == (4, 2)


def test_a_models_refusal_of_one_ticket_is_that_tickets_failure(tmp_path: Path) -> None:
    def refuses_three(messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        if "number 3" in messages[1].content:
            raise AssistantError("the prompt is too long")
        return first_letter(messages, choices)

    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": f"ticket number {i}"}) + "\n" for i in range(6)), "utf-8")
    assert run(tmp_path, source, tmp_path / "out.jsonl", refuses_three).failed == 1


def test_a_model_that_comes_back_costs_no_ticket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_PAUSES", (0.01,) * 5)
    away = [True] * 7

    def sometimes(messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        if away:
            away.pop()
            raise ModelUnavailable("the model is restarting")
        return first_letter(messages, choices)

    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": f"ticket number {i}"}) + "\n" for i in range(9)), "utf-8")
    summary = run(tmp_path, source, tmp_path / "out.jsonl", sometimes)
    assert (summary.tickets, summary.failed) == (9, 0)


def test_a_model_that_stays_away_leaves_what_is_done_for_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "_PAUSES", (0.0,))
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": f"ticket number {i}"}) + "\n" for i in range(20)), "utf-8")
    left = iter(range(10))

    def ten_only(messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        if next(left, None) is None:
            raise ModelUnavailable("the model is gone")
        return first_letter(messages, choices)

    with pytest.raises(ModelUnavailable, match="run the same command again"):
        run(tmp_path, source, tmp_path / "out.jsonl", ten_only)
    assert not (tmp_path / "out.jsonl").exists()
    summary = run(tmp_path, source, tmp_path / "out.jsonl")
    assert summary.tickets == 20
    assert 0 < summary.resumed <= 10
    done = [json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert done == [f"ticket number {i}" for i in range(20)]


_KILLED = """
import asyncio, sys
from pathlib import Path
from assistant.triage.batch import Batch
from tests.assistant.test_batch import classifier, first_letter
import time

def slowly(messages, choices):
    time.sleep(0.001)
    return first_letter(messages, choices)

folder, source, output = map(Path, sys.argv[1:])
print("begun", flush=True)
asyncio.run(Batch(source, output).run(classifier(folder, slowly), "scripted", 8))
"""


def test_killed_at_random_moments_every_ticket_is_there_once_and_in_order(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("id,text\n" + "".join(f"{i},ticket number {i}\n" for i in range(1000)), "utf-8")
    rng = random.Random(4)
    command = [sys.executable, "-c", _KILLED, str(tmp_path), str(source), str(tmp_path / "out.csv")]
    kills = 0
    for _ in range(30):
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            process.wait(rng.uniform(0.05, 0.6) if kills < 5 else 120)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0
        break
    assert kills == 5
    assert run_undisturbed(tmp_path, source) == (tmp_path / "out.csv").read_bytes()
    assert [r["id"] for r in table(tmp_path / "out.csv")] == [str(i) for i in range(1000)]


def run_undisturbed(folder: Path, source: Path) -> bytes:
    run(folder, source, folder / "undisturbed.csv")
    return (folder / "undisturbed.csv").read_bytes()


def test_a_line_cut_off_by_a_kill_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_PAUSES", ())
    source, part = tmp_path / "in.jsonl", tmp_path / "out.jsonl.part"
    source.write_text("".join(json.dumps({"text": f"ticket number {i}"}) + "\n" for i in range(3)), "utf-8")

    def stops(messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        if "number 2" in messages[1].content:
            raise ModelUnavailable("gone")
        return first_letter(messages, choices)

    with pytest.raises(ModelUnavailable):
        run(tmp_path, source, tmp_path / "out.jsonl", stops)
    whole = part.read_bytes()
    for cut in (len(whole) - 3, whole.index(b"\n") - 5):
        part.write_bytes(whole[:cut])
        with pytest.raises(ModelUnavailable):
            run(tmp_path, source, tmp_path / "out.jsonl", stops)
        assert part.read_bytes() == whole


def test_another_run_is_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_PAUSES", ())

    def gone(messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        raise ModelUnavailable("gone")

    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "ticket number 1"}\n', "utf-8")
    with pytest.raises(ModelUnavailable):
        run(tmp_path, source, tmp_path / "out.jsonl", gone)
    source.write_text('{"text": "ticket number 2"}\n', "utf-8")
    with pytest.raises(DatasetError, match="another input sha256"):
        run(tmp_path, source, tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl.part").write_text("something else\n", "utf-8")
    with pytest.raises(DatasetError, match="move it away"):
        run(tmp_path, source, tmp_path / "out.jsonl")


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("in.xls", b"text\nhello", "read from and written to"),
        ("in.csv", b"a,b\n1,2\n", "which of a, b holds"),
        ("in.csv", b"text\n", "no tickets"),
        ("in.csv", b"text\n\xff\xfe\n", "not UTF-8"),
        ("in.csv", b'text\n"never closed\n', "quote left open"),
        ("in.jsonl", b'{"text": "x"}\n[1]\n', "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_before_anything_is_done(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=why):
        Batch(tmp_path / name, tmp_path / "out.csv")
    assert not list(tmp_path.glob("out*"))


def test_the_input_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text\nhello\n")
    with pytest.raises(DatasetError, match="overwrite the input"):
        Batch(tmp_path / "in.csv", tmp_path / "in.csv")


def test_a_batch_is_fast_beside_its_model(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"text": f"ticket number {i}"}) + "\n" for i in range(2000)), "utf-8")
    began = time.monotonic()
    assert run(tmp_path, source, tmp_path / "out.jsonl").tickets == 2000
    assert time.monotonic() - began < 20
