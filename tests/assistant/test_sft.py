"""Tuning from end to end on the built-in model, small: data that cannot mislead, an interruption, a version that serves."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from assistant.asking import Judgement, logit
from assistant.errors import TrainingError
from assistant.questions import Gold, Question
from assistant.settings import Settings
from assistant.tuning.answering import ABSTAIN, answer_examples, find_targets
from assistant.tuning.judging import Opinion, fit_judgement
from assistant.tuning.registry import Registry
from assistant.tuning.sft import Sft, SftConfig
from assistant.tuning.training import Recipe, Step
from assistant.weights import Weights
from index.library import KnowledgeBase
from index.retrieval import Retriever
from tests.doubles import WordHashEmbedder


def question(text: str, gold: str, lines: tuple[str, ...] = (), split: str = "train", reference: str = "") -> Question:
    place = Gold(document=gold.split("#")[0], heading=gold.split("#")[1])
    answerable = bool(lines or reference)
    return Question(
        id=f"{split}-{text}",
        question=text,
        answerable=answerable,
        gold=(place,) if answerable else (),
        near=None if answerable else place,
        reference=reference or " ".join(lines) or "The documents do not say.",
        style="natural",
        split=split,  # type: ignore[arg-type]
        lines=lines,
    )


QUESTIONS = [
    question("what is the price of a new sim", "sim.md#Replacement", ("A replacement SIM costs €8.",)),
    question("is a faulty sim replaced free", "sim.md#Replacement", ("It is free when the SIM is faulty.",)),
    question("what is the price of a sim sent abroad", "sim.md#Replacement"),
    question("how much is wave 20", "plans.md#Price list", reference="Wave 20 costs €18."),
]
DEV = [
    question("when is the notice period over", "plans.md#Notice", ("The notice period is 30 days.",), "dev"),
    question("is the notice period shorter for pupils", "plans.md#Notice", (), "dev"),
]


@pytest.fixture
def retriever(filled: KnowledgeBase) -> Retriever:
    return Retriever(filled, WordHashEmbedder())


def test_a_question_is_answered_where_its_lines_stand_and_declined_where_they_do_not(retriever: Retriever) -> None:
    examples = answer_examples(QUESTIONS, retriever, random.Random(3))
    answered = declined = 0
    for conversation in (c for group in examples for c in group):
        _, asked, said = conversation
        passages, _, text = asked.content.rpartition("\n\nQuestion: ")
        lines = {q.question: q.lines for q in QUESTIONS}[text]
        if said.content == ABSTAIN:
            declined += 1
            assert not any(line in passages for line in lines)
        else:
            answered += 1
            number = said.content[1]
            block = next(b for b in passages.split("\n\n") if b.startswith(f"[{number}]"))
            assert all(s.strip() in block for s in said.content.replace(f"[{number}]", "\x00").split("\x00"))
    assert answered > 2
    assert declined > 4


def test_lines_are_found_by_the_reference_where_they_are_not_named(filled: KnowledgeBase) -> None:
    (target,) = find_targets([QUESTIONS[3]], filled.current())
    assert target.lines == ("Plan: Wave 20; Price: €18; Data: 20 GB",)


def examples(folder: Path) -> Path:
    folder.mkdir()
    rows = [q.model_dump_json() for q in [*QUESTIONS * 1, *DEV]]
    more = [
        q.model_copy(update={"id": f"{q.id}-{i}", "question": f"{q.question} {'please' * i}"}).model_dump_json()
        for i in range(1, 12)
        for q in DEV
    ]
    (folder / "questions.jsonl").write_text("\n".join([*rows, *more]) + "\n", encoding="utf-8")
    follow_up = {"earlier": ["How much is Wave 5?"], "question": "and 20?", "standalone": "How much is Wave 20?"}
    (folder / "followups.jsonl").write_text(
        "".join(json.dumps(follow_up | {"split": s}) + "\n" for s in ("train", "dev")), encoding="utf-8"
    )
    return folder


@pytest.mark.timeout(600)
def test_train_interrupt_go_on_and_promote(tmp_path: Path, retriever: Retriever, builtin: Weights) -> None:
    settings = Settings(home=tmp_path / "home")
    registry = Registry(settings.versions, tmp_path / "shipped")
    recipe = Recipe(rank=2, alpha=4, frozen_layers=28, epochs=2.0, batch=2)
    config = SftConfig(name="small", tickets_per_leaf=0, recipe=recipe)
    folder = examples(tmp_path / "examples")
    steps: list[Step] = []

    class Killed(Exception):
        pass

    def stop_in_the_middle(step: Step) -> None:
        steps.append(step)
        if step.step == 3:
            raise Killed

    def run() -> Sft:
        return Sft(folder, builtin, retriever, WordHashEmbedder(), config, settings)

    with pytest.raises(Killed):
        run().run(registry, lambda _: None, stop_in_the_middle)
    assert registry.versions() == []
    gone_on: list[Step] = []
    version = run().run(registry, lambda _: None, gone_on.append)
    assert gone_on[0].step > 1
    assert gone_on[-1].step == gone_on[-1].steps

    card = version.card
    assert card.asking.judgement is not None
    assert set(card.data) == {"questions.jsonl", "followups.jsonl"}
    assert card.metrics["dev_unanswerable_declined"].count == 12
    assert (version.folder / "curve.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert list(settings.training.iterdir()) == []
    registry.promote("small", builtin)
    served = registry.production(builtin)
    assert served is not None
    assert served.name == "small"


def test_without_dev_questions_there_is_nothing_to_judge_by(
    tmp_path: Path, retriever: Retriever, builtin: Weights
) -> None:
    folder = tmp_path / "examples"
    folder.mkdir()
    (folder / "questions.jsonl").write_text(QUESTIONS[0].model_dump_json() + "\n", encoding="utf-8")
    settings = Settings(home=tmp_path / "home")
    sft = Sft(folder, builtin, retriever, WordHashEmbedder(), SftConfig(tickets_per_leaf=0), settings)
    with pytest.raises(TrainingError, match="no dev questions"):
        sft.run(Registry(settings.versions), lambda _: None, lambda _: None)


@pytest.mark.parametrize(
    ("text", "why"), [("rank = 3", "rank"), ("[recipe]\nranks = 3", "ranks"), ("[recipe", "not TOML")]
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "sft.toml").write_text(text)
    with pytest.raises(TrainingError, match=why):
        SftConfig.load(tmp_path / "sft.toml")


def test_the_better_opinion_counts_more() -> None:
    rng = random.Random(0)
    seen = []
    for _ in range(300):
        can = rng.random() < 0.6
        model = 0.9 if can == (rng.random() < 0.9) else 0.1
        seen.append(Opinion(retrieval=rng.random(), model=model, answerable=can, points_right=True if can else None))
    judgement, figures = fit_judgement(seen)
    assert judgement.model > 5 * abs(judgement.retrieval)
    assert figures["dev_unanswerable_declined"].mean == pytest.approx(0.9, abs=0.08)
    assert figures["dev_answerable_declined"].mean == pytest.approx(0.1, abs=0.08)


def test_a_judgement_is_a_logistic_regression_on_log_odds() -> None:
    assert Judgement(0.0, 1.0, 0.0, 0.5).probability(0.3, 0.8) == pytest.approx(0.8)
    assert logit(0.5) == 0
    assert logit(1.0) < 20
