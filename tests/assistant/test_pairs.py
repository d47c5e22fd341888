"""Questions and tickets become texts to bring together or to keep apart."""

from __future__ import annotations

import random

from assistant.questions import Gold, Question
from assistant.triage.taxonomy import Taxonomy
from assistant.triage.tickets import LabelledTicket
from assistant.tuning.pairs import question_tasks, ticket_task
from index.library import KnowledgeBase
from tests.doubles import WordHashEmbedder


def question(text: str, *, line: str = "", near: str = "") -> Question:
    gold = (Gold(document="sim.md", heading="Replacement"),) if line else ()
    return Question(
        id=text,
        question=text,
        answerable=bool(line),
        gold=gold,
        reference=line or "The documents do not say.",
        style="natural",
        split="train",
        near=Gold(document="sim.md", heading=near) if near else None,
        lines=(line,) if line else (),
    )


def test_a_question_belongs_with_its_passage_and_its_line(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    asked = [question("What does a replacement SIM cost?", line="A replacement SIM costs €8.")]
    passages, lines = question_tasks(asked, filled.current(), embedder, random.Random(0))
    (whole,) = passages.pairs
    assert whole.positive.endswith("A replacement SIM costs €8. It is free when the SIM is faulty.")
    assert whole.positive not in whole.negatives
    (pair,) = lines.pairs
    assert pair.positive == "SIM cards > Replacement\nA replacement SIM costs €8."
    assert "SIM cards > Replacement\nIt is free when the SIM is faulty." in pair.negatives
    assert pair.positive not in pair.negatives


def test_an_unanswerable_question_belongs_with_nothing(filled: KnowledgeBase, embedder: WordHashEmbedder) -> None:
    asked = [question("Is the PUK on the invoice?", near="PUK")]
    passages, lines = question_tasks(asked, filled.current(), embedder, random.Random(0))
    assert passages.pairs == ()
    assert lines.pairs[0].positive == ""
    assert "SIM cards > PUK\nThe PUK is shown in the app." in lines.pairs[0].negatives


def test_a_ticket_belongs_with_its_label_and_not_with_the_one_beside_it() -> None:
    taxonomy = Taxonomy.from_ids("t", [("bill", "bill-late"), ("bill", "bill-wrong")])
    tickets = [
        LabelledTicket(f"{leaf}-{n}", f"{leaf} text {n}", ("bill", leaf), f"{leaf}/{n}")
        for leaf in ("bill-late", "bill-wrong")
        for n in range(4)
    ]
    task = ticket_task(tickets, taxonomy, random.Random(0))
    assert len(task.pairs) == 8
    for pair in task.pairs:
        own = pair.anchor.split()[0]
        assert pair.positive != pair.anchor
        assert own.removeprefix("bill-") in pair.positive
        assert pair.negatives
        assert not any(own in wrong for wrong in pair.negatives)
