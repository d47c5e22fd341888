"""A sentence is kept only when a passage says it."""

from __future__ import annotations

import pytest

from assistant.grounding import find_support, without_marks
from index.passages import Passage
from index.quotables import quotables, sentences
from index.terms import numbers, terms


def passage(text: str, title: str = "SIM cards", heading: str = "Replacement", ordinal: int = 0) -> Passage:
    return Passage("sim.md", title, (heading,), None, ordinal, text)


SIM = passage("A replacement SIM costs €8. It is free when the SIM is faulty.")
LATE = passage("A second reminder is sent after 14 days. It costs €5.", "Bills", "Late payment", 1)
TABLE = passage(
    "| Plan | Price | Data |\n|---|---|---|\n| Wave 5 | €12 | 5 GB |\n| Wave 20 | €18 | 20 GB |", "Plans", "Prices"
)


@pytest.mark.parametrize(
    ("sentence", "supported"),
    [
        ("A replacement SIM costs €8.", True),
        ("A replacement SIM costs €8 [1].", True),
        ("Replacement SIMs cost €8.", True),
        ("A replacement SIM costs €9.", False),
        ("A replacement SIM costs €8.50.", False),
        ("A replacement SIM does not cost €8.", False),
        ("A replacement SIM costs €8 and is sent by courier within two working days.", False),
        ("The weather is fine today.", False),
        ("Thank you!", False),
        ("", False),
    ],
)
def test_support_of_a_sentence(sentence: str, supported: bool) -> None:
    assert (find_support(sentence, [LATE, SIM]) is not None) is supported


def test_the_supporting_passage_is_named_with_its_words() -> None:
    support = find_support("A second reminder after 14 days costs €5.", [SIM, LATE])
    assert support is not None
    assert support.passage == LATE
    assert support.quote == "A second reminder is sent after 14 days. It costs €5."


def test_words_shuffled_together_are_no_support() -> None:
    source = passage("The customer pays Tarnwave for the router. Tarnwave pays the technician for the visit.")
    assert find_support("The customer pays Tarnwave for the router.", [source]) is not None
    assert find_support("For the visit the technician pays Tarnwave.", [source]) is None


def test_a_heading_alone_supports_nothing() -> None:
    guide = passage("You need a new eSIM when the old phone is broken.", "eSIM guide", "Move your eSIM to a new phone")
    assert find_support("To move your eSIM to a new phone you need a new eSIM.", [guide]) is None
    assert find_support("You need a new eSIM when your old phone is broken.", [guide]) is not None


def test_numbers_of_different_rows_are_not_mixed() -> None:
    assert find_support("Wave 5 has the price €12 and 5 GB of data.", [TABLE]) is not None
    assert find_support("Wave 5 has the price €18.", [TABLE]) is None


def test_a_number_elsewhere_in_the_passage_is_no_support() -> None:
    text = "A pass costs €7. " + "It can be bought in the app. It starts at once. " * 3 + "The fee for ships is €9."
    assert find_support("A pass costs €9.", [passage(text, "Roaming", "Passes")]) is None


def test_quotables_of_every_kind() -> None:
    text = (
        "Two things. Both **matter**.\n\n- one item\n  goes on\n- another\n\n| A | B |\n|---|---|\n| 1 | 2 |\nAfter it."
    )
    assert [(q.kind, q.text) for q in quotables(text)] == [
        ("sentence", "Two things."),
        ("sentence", "Both matter."),
        ("item", "one item goes on"),
        ("item", "another"),
        ("row", "A: 1; B: 2"),
        ("sentence", "After it."),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It costs €1.57 per GB. Really.", ["It costs €1.57 per GB.", "Really."]),
        ("Use a code, e.g. P-01 or P-02. Then wait.", ["Use a code, e.g. P-01 or P-02.", "Then wait."]),
        ("First [1]. Second. [2] Third", ["First [1].", "Second [2].", "Third"]),
        ("一二。三四。", ["一二。", "三四。"]),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_marks_are_taken_off() -> None:
    assert without_marks("A [1] b [2, 3].") == "A b."


def test_terms_meet_across_forms() -> None:
    assert terms("Replacing the SIMs' costs") == terms("replaced SIM cost")
    assert numbers("€1,000.00 and 5.00 and 09:00") == {"1000", "5", "09:00"}
    assert set(terms("漫游")) < set(terms("漫游费用是多少"))
