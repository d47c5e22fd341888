"""Choosing lines: beginnings tell them apart, and both opinions count."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.chat_model import Message
from assistant.errors import AssistantError
from assistant.pointing import Scored, Weighing, beginnings, load, pick, score_lines
from index.passages import Passage
from index.retrieval import Line
from tests.doubles import ScriptedChatModel

LINES = ["The fee is €5 a month.", "The fees rise in May.", "Call 1720.", "Call 1720. Ask for Anna."]


def passage(number: int, text: str) -> Passage:
    return Passage(document=f"d{number}.md", title="T", heading=("H",), page=None, ordinal=number, text=text)


def test_a_beginning_ends_where_a_line_differs_from_all_others() -> None:
    assert beginnings(LINES) == [" The fee is", " The fees", "", " Call 1720. Ask"]
    assert beginnings(["Only one."]) == [" Only"]


@given(st.lists(st.text(alphabet="ab .", min_size=1, max_size=8).map(str.strip).filter(bool), min_size=1, max_size=6))
def test_no_beginning_is_the_beginning_of_another(lines: list[str]) -> None:
    starts = beginnings(lines)
    for line, start in zip(lines, starts, strict=True):
        assert (" " + line).startswith(start)
        if start:
            assert not [o for o in set(lines) - {line} if (" " + o).startswith(start)]


def scored(lines: list[Line], given_passages: list[Passage], model: ScriptedChatModel) -> list[Scored]:
    question = [Message("user", "what is the fee?")]
    return asyncio.run(score_lines(model, question, (0.1, 0.6, 0.3, 0.0), given_passages, lines))


WEIGHING = Weighing(cosine=16.0, near=1.0, fitted_on="nothing")


def test_the_models_word_and_the_cosine_both_count() -> None:
    one, two, three = passage(1, "Alpha one. Beta two."), passage(2, "Gamma three."), passage(3, "Delta four.")
    lines = [Line(one, "Alpha one.", 0.5), Line(one, "Beta two.", 0.5), Line(two, "Gamma three.", 0.5)]
    lines.append(Line(three, "Delta four.", 0.99))
    model = ScriptedChatModel(chooses=lambda _, choices: [0.8 if "Beta" in c else 0.2 for c in choices])
    best, *rest = scored(lines, [one, two, three], model)
    assert (best.line.text, best.number) == ("Beta two.", 1)
    assert best.probability == pytest.approx(0.6 / 0.9 * 0.8)
    assert [s.line.text for s in rest] == ["Gamma three.", "Alpha one."]  # the third passage was not pointed to
    assert [s.line.text for s in pick([best, *rest], WEIGHING)] == ["Beta two."]
    far = scored([Line(one, "Alpha one.", 0.9), *lines[1:]], [one, two, three], model)
    assert [s.line.text for s in pick(far, WEIGHING)] == ["Alpha one."]


def test_lines_nearly_as_good_are_said_in_the_passages_order() -> None:
    one, two = passage(1, "First. Second. Third. Fourth."), passage(2, "Elsewhere.")
    cosines = {"Second.": 0.9, "Elsewhere.": 0.89, "First.": 0.85, "Fourth.": 0.5}
    rows = [
        Scored(Line(two if text == "Elsewhere." else one, text, cosine), 2 if text == "Elsewhere." else 1, 0.1)
        for text, cosine in cosines.items()
    ]
    assert [s.line.text for s in pick(rows, WEIGHING)] == ["First.", "Second."]
    assert pick([], WEIGHING) == []


def test_the_weighing_that_is_shipped_can_be_read_and_a_missing_one_says_what_to_do(tmp_path: Path) -> None:
    assert load().score(1.0, 0.5) == pytest.approx(load().cosine * 0.5)
    with pytest.raises(AssistantError, match="eval pointing --fit"):
        load(tmp_path / "pointing.json")
