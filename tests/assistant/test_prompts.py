"""A prompt never exceeds its budget, whatever goes in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.prompts import (
    FEW_SHOT,
    TUNED,
    Exchange,
    Prompts,
    answer_messages,
    cut,
    read_statements,
    rewrite_messages,
)
from index.passages import Passage


def count(text: str) -> int:
    return len(text.split())


def passages(*lengths: int) -> list[Passage]:
    return [Passage("d.md", "T", ("H",), None, i, " ".join([f"word{i}"] * n)) for i, n in enumerate(lengths)]


def test_passages_are_numbered_and_the_question_comes_last() -> None:
    messages, given_passages = answer_messages(FEW_SHOT, "How much?", passages(3, 2), 1000, count)
    assert messages[-1].content == ("[1] T > H\nword0 word0 word0\n\n[2] T > H\nword1 word1\n\nQuestion: How much?")
    assert len(given_passages) == 2


@given(st.lists(st.integers(1, 3000), max_size=6), st.integers(0, 5000), st.integers(400, 4000))
def test_the_budget_holds(lengths: list[int], asked: int, budget: int) -> None:
    messages, given_passages = answer_messages(FEW_SHOT, " ".join(["why"] * asked), passages(*lengths), budget, count)
    assert sum(count(m.content) for m in messages) <= budget
    assert all(f"[{n}] " in messages[-1].content for n in range(1, len(given_passages) + 1))


def test_one_passage_that_is_too_long_is_cut_rather_than_left_out() -> None:
    messages, given_passages = answer_messages(FEW_SHOT, "why", passages(5000), 1000, count)
    assert len(given_passages) == 1
    assert "word0 word0" in messages[-1].content


@given(st.integers(1, 60), st.integers(200, 2000))
def test_a_long_conversation_drops_its_oldest_questions(turns: int, budget: int) -> None:
    history = [Exchange(" ".join([f"q{n}"] * 40), "a") for n in range(turns)]
    messages = rewrite_messages(FEW_SHOT, "and then", history, budget, count)
    assert sum(count(m.content) for m in messages) <= budget
    if turns > 50 and budget < 1500:
        assert "q0 " not in messages[-1].content
        assert f"q{turns - 1} " in messages[-1].content or budget < 300


@given(st.text(max_size=200), st.integers(0, 50))
def test_cut_is_the_longest_beginning_that_fits(text: str, limit: int) -> None:
    short = cut(text, limit, len)
    assert text.startswith(short)
    assert len(short) <= limit or text == short


@pytest.mark.parametrize(
    ("prompts", "draft", "statements"),
    [
        (
            TUNED,
            "[2] It costs €8. [1] Plan: Wave 5; Price: €12",
            [("It costs €8.", 2), ("Plan: Wave 5; Price: €12", 1)],
        ),
        (TUNED, "[0]", []),
        (TUNED, "nothing pointed to", []),
        (FEW_SHOT, "It costs €8 [2]. It is free.", [("It costs €8 [2].", 2), ("It is free.", None)]),
        (FEW_SHOT, "", []),
    ],
)
def test_statements_are_read_with_what_they_point_to(
    prompts: Prompts, draft: str, statements: list[tuple[str, int | None]]
) -> None:
    found, rest = read_statements(prompts, draft, ended=True)
    assert [(s.text, s.pointer) for s in found] == statements
    assert rest == ""


def test_statements_come_one_by_one_as_the_text_grows() -> None:
    draft = "It costs €8 [2]. The price is €12.50 a month [1]. It ends."
    seen, pending = [], ""
    for character in draft:
        whole, pending = read_statements(FEW_SHOT, pending + character, ended=False)
        seen += whole
    seen += read_statements(FEW_SHOT, pending, ended=True)[0]
    assert [s.text for s in seen] == [s.text for s in read_statements(FEW_SHOT, draft, ended=True)[0]]
    assert len(seen) == 3
