"""A ticket's way as the tab draws it, and files that are sorted in it: each alone, to the end, and told in words."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from assistant.assembly import ChatService
from assistant.chat_model import Message
from assistant.errors import DatasetError, ModelUnavailable
from assistant.serving import State
from assistant.triage.batch import Summary
from assistant.triage.classification import Classifier
from assistant.triage.taxonomy import Taxonomy
from tests.doubles import ScriptedChatModel
from ui.records import ClassificationRecord, LevelRecord, OptionRecord
from ui.web.ticket_files import FileSorter, Job, Phase, Uploads
from ui.web.tickets import SharedClassifier, Sorter, Ticket
from ui.web.triage_html import clock, job_html, record_html, stop_reason, ticket_html

ATTACK = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'
TREE = """
name: t
nodes:
- {id: bill, name: Bills, queue: billing}
- id: net
  name: Network
  queue: network
  priority: high
  children: [{id: slow, name: Slow}, {id: down, name: Down}]
"""
T = TypeVar("T")
Chooses = Callable[[Sequence[Message], Sequence[str]], list[float]]


def sure_of_the_last(messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
    """The last category, unless the ticket says unclear: then on the second level all are as likely."""
    if "unclear" in messages[1].content and len(messages) > 2:
        return [1 / len(choices)] * len(choices)
    return [0.1 / (len(choices) - 1)] * (len(choices) - 1) + [0.9]


class Gone(ChatService):
    """A service whose model could not be started."""

    state = State.FAILED


def classifier(folder: Path, chooses: Chooses = sure_of_the_last) -> Classifier:
    (folder / "tree.yaml").write_text(TREE, encoding="utf-8")
    return Classifier(ScriptedChatModel(chooses=chooses), Taxonomy.load(folder / "tree.yaml"))


def shared(folder: Path, chooses: Chooses = sure_of_the_last) -> SharedClassifier:
    return SharedClassifier(lambda _: classifier(folder, chooses))


def service(kind: type[ChatService] = ChatService) -> ChatService:
    return kind(ScriptedChatModel(), None)


def every(found: AsyncIterator[T]) -> list[T]:
    async def collect() -> list[T]:
        return [item async for item in found]

    return asyncio.run(collect())


def sort(folder: Path, text: str, chooses: Chooses = sure_of_the_last) -> list[Ticket]:
    return every(Sorter(shared(folder, chooses), service()).sort(text))


def level(name: str, probability: float, path: float, chosen: bool, *others: tuple[str, float]) -> LevelRecord:
    siblings = [OptionRecord(id=n, name=n, probability=p) for n, p in others]
    return LevelRecord(
        id=name, name=name, probability=probability, path_probability=path, chosen=chosen, others=siblings
    )


def record(*levels: LevelRecord, reason: str = "", queue: str = "billing") -> ClassificationRecord:
    return ClassificationRecord(
        label="x",
        path=[found.name for found in levels if found.chosen],
        levels=list(levels),
        queue=queue,
        priority="high",
        needs_review=bool(reason),
        reason=reason,
    )


def test_the_path_is_drawn_with_its_probabilities_and_the_strongest_siblings() -> None:
    others = [("Tariff", 0.12), ("Roaming", 0.06), ("Sim", 0.04), ("Tv", 0.02), ("Shop", 0.01)]
    html = record_html(record(level("Bills", 0.75, 0.75, True, *others), level("Fees", 0.9, 0.675, True)), 0.5)
    assert html.index("Bills") < html.index("Tariff") < html.index("Roaming") < html.index("Sim") < html.index("Fees")
    assert 'style="width:75.0%"' in html
    assert "0.75</span>" in html
    assert "path 0.68" in html or "path 0.67" in html
    assert "Tv" not in html
    assert "2 more, 0.03 together" in html
    assert "Sorted down to the last level: Bills &gt; Fees." in html
    assert "no person needed" in html
    assert "queue <b>billing</b>" in html
    assert "priority <b>high</b>" in html


def test_where_a_ticket_stopped_is_said_with_what_was_missing() -> None:
    unsure = record(level("Bills", 0.9, 0.9, True), level("Fees", 0.4, 0.36, False), reason="unsure below Bills")
    html = record_html(unsure, 0.5)
    assert "Stopped at “Bills”" in html
    assert "“Fees”, would have a path probability of 0.36, and 0.50 is asked for" in html
    assert "a person should look: unsure below Bills" in html
    assert html.count("not sure enough") == 1
    nowhere = stop_reason(record(level("Bills", 0.3, 0.3, False), reason="no category is likely enough"), 0.5)
    assert nowhere.startswith("Stopped before the first level")
    assert stop_reason(record(reason="there is hardly any text"), 0.5) == "Not sorted: there is hardly any text."


def test_nothing_from_outside_becomes_markup() -> None:
    attacked = record(level(ATTACK, 0.5, 0.5, True, (ATTACK, 0.5)), reason=ATTACK, queue=ATTACK)
    job = Job(Path("folder") / ATTACK.replace("/", ""), Phase.FAILED, ATTACK, total=1)
    done = Job(Path("f.csv"), Phase.DONE, "", 1, 1, summary=Summary(1, 0, 0, 0, {ATTACK: 1}))
    for html in (
        ticket_html(Ticket(ATTACK, record=attacked), 0.5),
        ticket_html(Ticket(ATTACK, error=ATTACK), 0.5),
        ticket_html(Ticket(ATTACK, note=ATTACK), 0.5),
        job_html(job),
        job_html(done),
    ):
        assert "&lt;img" in html
        assert "<img" not in html
        assert "<script" not in html


def test_a_ticket_goes_down_the_tree(tmp_path: Path) -> None:
    last = sort(tmp_path, "my internet does not work at all")[-1]
    assert last.record is not None
    assert last.record.path == ["Network", "Down"]
    assert last.record.queue == "network"
    unclear = sort(tmp_path, "my internet is unclear to me")[-1]
    assert unclear.record is not None
    assert unclear.record.path == ["Network"]
    assert unclear.record.needs_review


@pytest.mark.parametrize("text", ["", "  \n "])
def test_no_ticket_is_asked_for_in_words(tmp_path: Path, text: str) -> None:
    (only,) = sort(tmp_path, text)
    assert "paste one" in only.error


def test_a_model_that_is_away_is_waited_for(tmp_path: Path) -> None:
    asked = []

    def away_once(messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        asked.append(messages)
        if len(asked) == 1:
            raise ModelUnavailable("the model stopped")
        return sure_of_the_last(messages, choices)

    known = sort(tmp_path, "my internet does not work at all", away_once)
    waiting = [t.note for t in known if "restarting" in t.note]
    assert waiting == [
        "The model is restarting. Your ticket is kept and will be sorted as soon as it is back.",
    ]
    assert known[-1].record is not None
    assert known[-1].record.path == ["Network", "Down"]


def test_a_model_that_does_not_come_back_is_said(tmp_path: Path) -> None:
    def away(messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        raise ModelUnavailable("the model server ended 2 times in a row")

    known = every(Sorter(shared(tmp_path, away), service(Gone)).sort("my internet does not work"))
    assert known[-1].error == "the model server ended 2 times in a row."


def test_the_classifier_is_opened_once_and_again_only_after_a_failure(tmp_path: Path) -> None:
    opened = []

    def opener(advance: Callable[[int], None]) -> Classifier:
        opened.append(True)
        if len(opened) == 1:
            raise DatasetError("tree.yaml: no such file")
        advance(128)
        time.sleep(0.7)
        return classifier(tmp_path)

    sorter = Sorter(SharedClassifier(opener), service())
    assert every(sorter.sort("my internet does not work"))[-1].error == "tree.yaml: no such file."

    async def two_at_once() -> list[list[Ticket]]:
        async def one(text: str) -> list[Ticket]:
            return [t async for t in sorter.sort(text)]

        return list(await asyncio.gather(one("my internet does not work"), one("my internet is unclear to me")))

    first, second = asyncio.run(two_at_once())
    assert first[-1].record is not None
    assert second[-1].record is not None
    assert any("128 are read" in t.note for t in (*first, *second))
    assert len(opened) == 2


def tickets_file(folder: Path, rows: int, name: str = "in.jsonl") -> Path:
    path = folder / name
    texts = [f"complaint number {n} about {'unclear things' if n % 3 == 0 else 'the network'}" for n in range(rows)]
    path.write_text("".join(json.dumps({"id": n, "text": t}) + "\n" for n, t in enumerate(texts)), "utf-8")
    return path


def test_a_file_is_sorted_as_its_tickets_are_alone(tmp_path: Path) -> None:
    job = Uploads(tmp_path / "uploads").take(tickets_file(tmp_path, 12))
    jobs = every(FileSorter(shared(tmp_path), service(), 4).run(job))
    last = jobs[-1]
    assert last.phase is Phase.DONE
    assert last.summary is not None
    assert (last.summary.tickets, last.summary.review, last.summary.failed) == (12, 4, 0)
    assert last.summary.queues == {"network": 12}
    assert last.result is not None
    assert last.result.name == "in-sorted.jsonl"
    alone = classifier(tmp_path)
    for line in last.result.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        found = asyncio.run(alone.classify(row["text"]))
        assert row["triage_label"] == found.path[-1].id
        assert row["triage_needs_review"] == found.needs_review
    assert [j.done for j in jobs] == sorted(j.done for j in jobs)
    assert jobs[0].note == "Reading the file…"


BAD = [
    ("in.pdf", b"%PDF-1.7", "in.pdf: tickets are read from and written to .csv and .jsonl files."),
    ("in.csv", b"", "in.csv: there are no tickets in it."),
    ("in.csv", b"text\n", "in.csv: there are no tickets in it."),
    ("in.csv", "text\nkäse\n".encode("latin-1"), "in.csv is not UTF-8 (at byte 6); save it as UTF-8."),
    ("in.csv", b"a,b\n1,2\n", "in.csv: which of a, b holds the ticket's text? Name it under “Column with the text”."),
    ("in.jsonl", b"{\n", "in.jsonl, line 1: this is not a JSON object; each line must be one."),
]


@pytest.mark.parametrize(("name", "content", "words"), BAD)
def test_a_file_that_cannot_be_used_is_told_in_words(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    job = Uploads(tmp_path / "uploads").take(tmp_path / name)
    last = every(FileSorter(shared(tmp_path), service(), 4).run(job))[-1]
    assert (last.phase, last.note) == (Phase.FAILED, words)
    assert last.result is None
    assert str(tmp_path) not in job_html(last)


def test_the_column_with_the_text_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\nx,the network is down again\ny,\n", encoding="utf-8")
    job = Uploads(tmp_path / "uploads").take(tmp_path / "in.csv")
    sorter = FileSorter(shared(tmp_path), service(), 4)
    job = every(sorter.run(job))[-1]
    assert job.again == "Try again"
    assert "there is no 'c'; there are a, b." in every(sorter.run(job, "c"))[-1].note
    done = every(sorter.run(job, " b "))[-1]
    assert done.summary is not None
    assert (done.summary.tickets, done.summary.failed) == (2, 1)
    assert "1 could not be sorted; the column triage_error says why" in job_html(done)


def test_two_people_with_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    (tmp_path / "other").mkdir()
    jobs = [uploads.take(tickets_file(tmp_path, 5)), uploads.take(tickets_file(tmp_path / "other", 8))]
    sorter = FileSorter(shared(tmp_path), service(), 2)

    async def both() -> list[list[Job]]:
        async def one(job: Job) -> list[Job]:
            return [j async for j in sorter.run(job)]

        return list(await asyncio.gather(*(one(job) for job in jobs)))

    results = [found[-1].result for found in asyncio.run(both())]
    assert [len(r.read_text(encoding="utf-8").splitlines()) for r in results if r is not None] == [5, 8]
    assert jobs[0].source.parent.stat().st_mode & 0o077 == 0


def test_a_stopped_file_is_gone_on_with(tmp_path: Path) -> None:
    def slowly(messages: Sequence[Message], choices: Sequence[str]) -> list[float]:
        time.sleep(0.02)
        return sure_of_the_last(messages, choices)

    job = Uploads(tmp_path / "uploads").take(tickets_file(tmp_path, 60))
    sorter = FileSorter(shared(tmp_path, slowly), service(), 2)

    async def a_while() -> Job:
        running = sorter.run(job)
        async for now in running:
            if now.done:
                break
        await running.aclose()  # type: ignore[attr-defined]
        return now.stopped()

    stopped = asyncio.run(a_while())
    assert stopped.phase is Phase.STOPPED
    assert 0 < stopped.done < 60
    assert stopped.again == "Go on"
    last = every(sorter.run(stopped))[-1]
    assert last.summary is not None
    assert last.summary.resumed >= stopped.done
    assert last.result is not None
    assert [json.loads(line)["id"] for line in last.result.read_text("utf-8").splitlines()] == list(range(60))


def test_rows_of_another_model_are_not_gone_on_with(tmp_path: Path) -> None:
    job = Uploads(tmp_path / "uploads").take(tickets_file(tmp_path, 6))
    old, new = ScriptedChatModel(), ScriptedChatModel()
    new.name = "promoted meanwhile"
    first = FileSorter(shared(tmp_path), ChatService(old, None), 2)

    async def begin() -> Job:
        async for now in first.run(job):
            if now.begun:
                return now
        raise AssertionError

    begun = asyncio.run(begin())
    last = every(FileSorter(shared(tmp_path), ChatService(new, None), 2).run(begun.stopped()))[-1]
    assert last.phase is Phase.DONE
    assert last.summary is not None
    assert (last.summary.tickets, last.summary.resumed) == (6, 0)


def test_progress_and_time_left_are_told() -> None:
    html = job_html(Job(Path("in.csv"), note="", total=1500, done=300, seconds_left=130.2))
    assert "300 of 1,500 rows, about 2 min 10 s left" in html
    assert 'aria-valuenow="300"' in html
    assert 'style="width:20.0%"' in html
    assert [clock(s) for s in (4.4, 59.6, 185, 7805)] == ["4 s", "1 min 00 s", "3 min 05 s", "2 h 10 min"]


def test_old_uploads_are_removed(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads")
    old, young = (uploads.take(tickets_file(tmp_path, 1)).source.parent for _ in range(2))
    os.utime(old, (0, 0))
    newest = uploads.take(tickets_file(tmp_path, 1)).source.parent
    assert sorted((tmp_path / "uploads").iterdir()) == sorted([young, newest])
