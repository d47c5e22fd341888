"""The four arms ask what has not been asked, and count what a draft states, supports and cites."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assistant.asking import Asking, Judgement
from assistant.questions import Gold, Question
from eval.arms import ask_alone, ask_with_retrieval
from eval.records import RecordFile, RunSettings
from index.library import KnowledgeBase
from tests.assistant.test_answering import answerer, points_to
from tests.doubles import ScriptedChatModel

TUNED = Asking("pointing-1", Judgement(retrieval=0.0, model=1.0, bias=0.0, threshold=0.5))
SETTINGS = RunSettings(questions="q", models={"base": "m"}, adapter="a", generation="g", created=datetime.now(UTC))
SIM = Question(
    id="sim",
    question="What does a replacement SIM cost?",
    answerable=True,
    gold=(Gold(document="sim.md", heading="Replacement"),),
    reference="A replacement SIM costs €8.",
    style="natural",
    split="test",
)


def test_a_draft_is_taken_apart(filled: KnowledgeBase, tmp_path: Path) -> None:
    draft = "A replacement SIM costs €8 [2]. It is free when the SIM is faulty [1]. Delivery costs €99 by courier [1]."
    model = ScriptedChatModel(draft)
    with RecordFile.open(tmp_path / "run.jsonl", SETTINGS) as file:
        asyncio.run(ask_with_retrieval("base+retrieval", answerer(filled, model), model, [SIM], file))
        (record,) = file.records()
    assert (record.sentences, record.supported, record.citations, record.correct_citations) == (3, 2, 3, 1)
    assert not record.declined
    assert record.answer == "A replacement SIM costs €8."
    assert record.passages[0].document == "sim.md"
    assert record.prompt_tokens > record.output_tokens > 10


def test_lines_that_a_tuned_model_points_to_are_all_supported(filled: KnowledgeBase, tmp_path: Path) -> None:
    model = ScriptedChatModel(asking=TUNED, chooses=points_to(1, "A replacement"))
    with RecordFile.open(tmp_path / "run.jsonl", SETTINGS) as file:
        asyncio.run(ask_with_retrieval("tuned+retrieval", answerer(filled, model), model, [SIM], file))
        (record,) = file.records()
    assert record.sentences == record.supported == record.citations == record.correct_citations >= 1
    assert record.draft.startswith("[1] A replacement SIM costs €8.")


def test_what_is_done_is_not_asked_twice(filled: KnowledgeBase, tmp_path: Path) -> None:
    for replies in (("It costs €8.",), ()):
        model = ScriptedChatModel(*replies)
        with RecordFile.open(tmp_path / "run.jsonl", SETTINGS) as file:
            asyncio.run(ask_alone("base", model, [SIM], file))
            assert len(file.records()) == 1
    assert model.asked == []


@pytest.mark.parametrize(("asking", "reply", "declined"), [(TUNED, "[0]", True), (Asking(), "It costs €8.", False)])
def test_an_arm_without_passages_has_nothing_to_cite(
    asking: Asking, reply: str, declined: bool, tmp_path: Path
) -> None:
    with RecordFile.open(tmp_path / "run.jsonl", SETTINGS) as file:
        asyncio.run(ask_alone("tuned", ScriptedChatModel(reply, asking=asking), [SIM], file))
        (record,) = file.records()
    assert (record.declined, record.passages, record.citations) == (declined, (), 0)
