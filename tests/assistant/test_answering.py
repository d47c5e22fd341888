"""The path of a question with a scripted model: what is kept, what is cited, what is declined."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.answering import Answerer
from assistant.answers import Answer, Event, Finished, Found, Stated
from assistant.asking import Asking, Judgement
from assistant.chat_model import Message
from assistant.errors import ModelUnavailable
from assistant.follow_ups import refers_back, trusted_rewrite
from assistant.pointing import Weighing
from assistant.prompts import Exchange
from assistant.settings import AnswerSettings
from assistant.sufficiency import FEATURES, SufficiencyModel
from index.library import KnowledgeBase
from index.retrieval import Retriever
from index.scope import Filter
from ingest.refresh import Refresher
from tests.doubles import Chooses, ScriptedChatModel, WordHashEmbedder

ALWAYS = SufficiencyModel(
    features=FEATURES,
    means=(0.0,) * len(FEATURES),
    scales=(1.0,) * len(FEATURES),
    weights=(0.0,) * len(FEATURES),
    bias=0.0,
    threshold=0.5,
    fitted_on="a test",
)
NEVER = ALWAYS.model_copy(update={"threshold": 0.6})


def answerer(
    kb: KnowledgeBase, model: ScriptedChatModel, sufficiency: SufficiencyModel = ALWAYS, **settings: int
) -> Answerer:
    return Answerer(
        Retriever(kb, WordHashEmbedder()),
        model,
        sufficiency,
        Weighing(cosine=16.0, near=1.0, fitted_on="a test"),
        replace(AnswerSettings(), **settings),  # type: ignore[arg-type]
    )


def ask(a: Answerer, question: str, history: tuple[Exchange, ...] = ()) -> Answer:
    return asyncio.run(a.answer(question, history))


async def events(a: Answerer, question: str) -> list[Event]:
    return [event async for event in a.stream(question)]


def test_a_supported_sentence_is_cited(filled: KnowledgeBase) -> None:
    model = ScriptedChatModel("A replacement SIM costs €8 [1]. It is free when the SIM is faulty.")
    answer = ask(answerer(filled, model), "Does a replacement SIM cost €8, or is it free when the SIM is faulty?")
    assert answer.text == "A replacement SIM costs €8. [1] It is free when the SIM is faulty. [2]"
    assert [(c.number, c.passage.document, c.passage.heading, c.quote) for c in answer.citations] == [
        (1, "sim.md", ("Replacement",), "A replacement SIM costs €8."),
        (2, "sim.md", ("Replacement",), "It is free when the SIM is faulty."),
    ]
    assert not answer.abstained
    assert answer.generation == filled.current().id


def test_an_unsupported_sentence_is_taken_out_but_kept_in_the_draft(filled: KnowledgeBase) -> None:
    model = ScriptedChatModel("A replacement SIM costs €8. Delivery costs €99 by courier.")
    answer = ask(answerer(filled, model), "What does a replacement SIM cost?")
    assert "99" not in answer.text
    assert "€99" in answer.draft


def test_nothing_supported_gives_the_passages_own_words(filled: KnowledgeBase) -> None:
    answer = ask(answerer(filled, ScriptedChatModel("It costs a million.")), "What does a replacement SIM cost?")
    assert answer.quoted
    assert answer.text == "A replacement SIM costs €8. [1]"
    assert answer.citations[0].passage in answer.given


def test_too_little_support_declines_without_asking_the_model(filled: KnowledgeBase) -> None:
    model = ScriptedChatModel()
    answer = ask(answerer(filled, model, NEVER), "Do you sell bicycles?")
    assert answer.abstained
    assert "don't say" in answer.text
    assert "Do you sell bicycles?" in answer.text
    assert answer.citations == ()
    assert answer.closest
    assert model.asked == []


def test_the_same_sentence_twice_is_said_once(filled: KnowledgeBase) -> None:
    model = ScriptedChatModel("The notice period is 30 days. " * 5)
    assert len(ask(answerer(filled, model), "How long is the notice period?").sentences) == 1


def test_events_come_in_order_and_sentences_before_the_end(filled: KnowledgeBase) -> None:
    model = ScriptedChatModel("A replacement SIM costs €8. It is free when the SIM is faulty.")
    question = "Does a replacement SIM cost €8, or is it free when it is faulty?"
    kinds = [type(e) for e in asyncio.run(events(answerer(filled, model), question))]
    assert kinds == [Found, Stated, Stated, Finished]


def test_only_the_wanted_number_of_passages_is_given(filled: KnowledgeBase) -> None:
    model = ScriptedChatModel("The notice period is 30 days.")
    answer = ask(answerer(filled, model, passages=4, prompt_passages=2), "notice period")
    assert len(answer.given) == 2
    assert len(answer.closest) == 4
    assert "[3]" not in model.asked[0][-1].content


def test_a_follow_up_is_put_so_that_it_stands_alone(filled: KnowledgeBase) -> None:
    model = ScriptedChatModel("What does a SIM cost when it is faulty?", "It is free when the SIM is faulty.")
    history = (Exchange("What does a replacement SIM cost?", "A replacement SIM costs €8."),)
    answer = ask(answerer(filled, model), "and when it is faulty?", history)
    assert answer.standalone == "What does a SIM cost when it is faulty?"
    assert answer.timings.rewrite > 0


def test_a_rewriting_that_brings_in_something_new_is_not_trusted() -> None:
    history = [Exchange("What does Wave 20 cost?", "Wave 20 costs €18.")]
    assert (
        trusted_rewrite("What does a bicycle cost?", "and Wave 5?", history) == "What does Wave 20 cost – and Wave 5?"
    )
    assert trusted_rewrite("", "and Wave 5?", history) == "What does Wave 20 cost – and Wave 5?"
    longer = [Exchange("What does Wave 20 cost – and Wave 5?", "€12.")]
    assert trusted_rewrite("", "and in the EU?", longer) == "What does Wave 20 cost – and in the EU?"
    assert trusted_rewrite("What does Wave 5 cost?", "and Wave 5?", history) == "What does Wave 5 cost?"


@pytest.mark.parametrize(
    ("question", "leans"),
    [
        ("and on Sundays?", True),
        ("How long does it take?", True),
        ("why", True),
        ("What about business lines with a shared data pool?", True),
        ("Does that apply abroad too?", True),
        ("What does a second reminder cost on a business line?", False),
        ("How much does each Wave plan cost?", False),
        ("my router shows a red light, what does it mean", False),
    ],
)
def test_which_questions_lean_on_the_conversation(question: str, leans: bool) -> None:
    assert refers_back(question) is leans


def test_a_model_that_stops_half_way_is_an_error_not_an_answer(filled: KnowledgeBase) -> None:
    with pytest.raises(ModelUnavailable, match="stopped"):
        ask(answerer(filled, ScriptedChatModel(ModelUnavailable("the model stopped"))), "replacement SIM")


def test_a_question_and_a_conversation_without_end_still_fit(filled: KnowledgeBase) -> None:
    model = ScriptedChatModel("It is what it is?", "The notice period is 30 days.", context_tokens=700)
    history = tuple(Exchange("why " * 900, "because " * 900) for _ in range(40))
    ask(answerer(filled, model), "it? " * 5000, history)
    for messages in model.asked:
        assert sum(model.count_tokens(m.content) for m in messages) <= 700


def test_timings_add_up(filled: KnowledgeBase) -> None:
    times = ask(answerer(filled, ScriptedChatModel("The notice period is 30 days.")), "notice period").timings
    assert times.total == pytest.approx(times.rewrite + times.embed + times.generate + times.added)
    assert 0 <= times.search <= times.added


EVEN = Asking("pointing-1", Judgement(retrieval=0.0, model=1.0, bias=0.0, threshold=0.5))


def points_to(number: int, words: str = "", sure: float = 0.9) -> Chooses:
    """A tuned model that is that sure of one passage, and of the line that begins with some words."""

    def choose(_: Sequence[Message], choices: Sequence[str]) -> Sequence[float]:
        meant = [c == str(number) or bool(words and c.startswith(f" {words}")) for c in choices]
        if not any(meant):
            return [1 / len(choices)] * len(choices)
        most = sure if choices[0].isdigit() else 0.99999
        rest = (1 - most) / (len(choices) - 1)
        return [most if m else rest for m in meant]

    return choose


def test_a_tuned_model_points_to_a_passage_and_then_to_a_line(filled: KnowledgeBase) -> None:
    model = ScriptedChatModel(asking=EVEN, chooses=points_to(1, "It"))
    answer = ask(answerer(filled, model), "What does a replacement SIM cost?")
    assert [m[-1].content for m in model.asked] == ["[", "[1]"]
    assert "It is free when the SIM is faulty." in [s.text for s in answer.sentences]
    assert answer.draft.startswith("[1] ")
    assert answer.sufficiency == pytest.approx(1 - 0.1 / 3)
    assert all(s.text in c.passage.text for s, c in zip(answer.sentences, answer.citations, strict=True))


def test_a_tuned_model_that_points_to_none_declines_without_writing(filled: KnowledgeBase) -> None:
    model = ScriptedChatModel(asking=EVEN, chooses=points_to(0))
    answer = ask(answerer(filled, model), "What does a replacement SIM cost?")
    assert answer.abstained
    assert len(model.asked) == 1
    assert answer.sufficiency == pytest.approx(0.1)


@pytest.fixture
def regional(refresher: Refresher, knowledge_base: KnowledgeBase, tmp_path: Path) -> KnowledgeBase:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "south.md").write_text(
        "---\nregion: South\n---\n# Fees\n\nThe zebra fee is €5.\n", encoding="utf-8"
    )
    refresher.refresh([tmp_path / "r"])
    return knowledge_base


def test_an_answer_rests_on_what_the_filter_admits_and_carries_it(regional: KnowledgeBase) -> None:
    model = ScriptedChatModel("The zebra fee is €5 [1].")
    south = Filter(region="South")
    answer = asyncio.run(answerer(regional, model).answer("What is the zebra fee?", (), south))
    assert [c.passage.document for c in answer.citations] == ["south.md"]
    assert (answer.filter, answer.elsewhere) == (south, "")


def test_an_answer_that_only_the_filter_keeps_out_is_hinted_at(regional: KnowledgeBase) -> None:
    model = ScriptedChatModel()
    answer = asyncio.run(answerer(regional, model).answer("What is the zebra fee?", (), Filter(region="North")))
    assert answer.abstained
    assert answer.elsewhere == "region"
    assert answer.text.endswith("There is an answer for other regions.")
    assert "€5" not in answer.text
    unsure = asyncio.run(answerer(regional, model, NEVER).answer("What is the zebra fee?", (), Filter(region="North")))
    assert unsure.elsewhere == ""
