"""The weighing of a model's word with cosines is fitted to what the references say."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.asking import Asking
from assistant.chat_model import Message
from assistant.pointing import Scored, Weighing, load
from assistant.prompts import TUNED
from assistant.questions import Question
from assistant.settings import AnswerSettings
from eval.errors import EvaluationError
from eval.pointing import Choice, ask_for_lines, fit, save, score
from index.library import KnowledgeBase
from index.passages import Passage
from index.retrieval import Line, Retriever
from tests.doubles import ScriptedChatModel, WordHashEmbedder

PASSAGE = Passage("a.md", "A", (), None, 0, "The fee is five. Call us on Monday.")
FEE, CALL = "The fee is five.", "Call us on Monday."


def question(reference: str) -> Question:
    return Question(
        id=reference, question="what?", answerable=True, gold=(), reference=reference, style="natural", split="dev"
    )


def choice(reference: str, fee: tuple[float, float], call: tuple[float, float]) -> Choice:
    """Probability and cosine of either line."""
    rows = ((FEE, *fee), (CALL, *call))
    return Choice(
        question(reference), tuple(Scored(Line(PASSAGE, text, cosine), 1, chance) for text, chance, cosine in rows)
    )


def test_where_the_model_is_right_its_word_alone_counts() -> None:
    choices = [choice(FEE, (0.9, 0.2), (0.1, 0.7)), choice(CALL, (0.1, 0.7), (0.9, 0.2))]
    fitted = fit(choices, "a note")
    assert (fitted.cosine, fitted.near, fitted.fitted_on) == (0.0, 0.0, "a note")
    assert score(choices, fitted).mean == 1.0


def test_where_the_cosine_is_right_it_counts_more() -> None:
    choices = [choice(CALL, (0.9, 0.2), (0.1, 0.7)), choice(FEE, (0.1, 0.7), (0.9, 0.2))]
    assert score(choices, Weighing(cosine=0.0, near=0.0, fitted_on="")).mean == 0.0
    fitted = fit(choices, "")
    assert fitted.cosine > 4.39  # nats by which the model prefers the other one, over half a cosine
    assert score(choices, fitted).mean == 1.0


def test_two_lines_are_said_where_both_are_the_answer() -> None:
    choices = [choice(f"{FEE} {CALL}", (0.6, 0.5), (0.4, 0.5))]
    assert fit(choices, "").near == 0.5
    assert score(choices, fit(choices, "")).mean == 1.0


def test_what_was_fitted_is_read_again(tmp_path: Path) -> None:
    kept = Weighing(cosine=8.0, near=1.5, fitted_on="here")
    save(kept, tmp_path / "pointing.json")
    assert load(tmp_path / "pointing.json") == kept


def test_a_tuned_model_is_asked_for_passage_and_line(filled: KnowledgeBase) -> None:
    def chooses(_: Sequence[Message], choices: Sequence[str]) -> list[float]:
        return [1.0 if c == "1" or c.startswith(" A") else 0.0 for c in choices]

    retriever = Retriever(filled, WordHashEmbedder())
    asked = question("A replacement SIM costs €8.").model_copy(update={"question": "What does a replacement SIM cost?"})
    model = ScriptedChatModel(asking=Asking(TUNED.name), chooses=chooses)
    (found,) = asyncio.run(ask_for_lines(retriever, model, [asked], AnswerSettings()))
    assert found.scored[0].line.text == "A replacement SIM costs €8."
    assert found.scored[0].probability == 1.0


def test_an_untuned_model_is_refused(knowledge_base: KnowledgeBase) -> None:
    with pytest.raises(EvaluationError, match="tuned"):
        asyncio.run(
            ask_for_lines(Retriever(knowledge_base, WordHashEmbedder()), ScriptedChatModel(), [], AnswerSettings())
        )
