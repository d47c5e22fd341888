"""What the words of a query find: codes, sums, Chinese, and words that are misspelt."""

from __future__ import annotations

import pytest

from index.spelling import Lexicon
from index.terms import is_chinese
from index.token_counts import TokenCounts
from index.words import WordIndex, best_rows

PASSAGES = [
    "SIM errors > E-2041\nThe SIM is not provisioned.",
    "SIM errors > E-2057\nThe eSIM profile is used already.",
    "Plans > 5G-Max 40\nForty gigabytes a month for €40.",
    "Fees\nA replacement SIM costs EUR 8, a number change 8 days.",
    "Devices\nDial `*#06#` to see the IMEI.",
    "Forwarding\nDial ##002# to switch all forwarding off.",
    "Wi-Fi\nThe router shows its name and password below.",
    "Theft\nCall **1707** at once.",
    "漫游\n在欧盟漫游不另收费。",
    "账单\n账单每月五号寄出。",
]


@pytest.fixture(scope="module")
def words() -> WordIndex:
    return WordIndex.build(PASSAGES)


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("E-2041", 0),
        ("e2041", 0),
        ("E 2041", 0),
        ("error e2057", 1),
        ("5g-max 40", 2),
        ("5g max 40", 2),
        ("€8", 3),
        ("8 euros", 3),
        ("eur 8", 3),
        ("*#06#", 4),
        ("##002#", 5),
        ("wifi", 6),
        ("wi fi", 6),
        ("1707", 7),
        ("漫游费用", 8),
        ("什么时候寄账单?", 9),
    ],
)
def test_what_is_found_first(words: WordIndex, query: str, row: int) -> None:
    assert best_rows(words.scores(query), 1) == [row]


def test_an_index_of_tokens_is_that_of_the_texts(words: WordIndex) -> None:
    again = WordIndex.from_counts(TokenCounts.of(PASSAGES))
    for query in ("E-2041 SIM", "漫游", "nothing of it"):
        assert again.scores(query).tolist() == words.scores(query).tolist()


def test_texts_without_a_word() -> None:
    index = WordIndex.build(["", "\n...", "\nrouter"])
    assert index.scores("router")[:2].tolist() == [0, 0]
    assert best_rows(index.scores("router"), 3) == [2]


HELD = dict.fromkeys("activation cards charges daughter esim internet messages of roaming rooms top up".split(), 3)


@pytest.mark.parametrize(
    ("asked", "corrected"),
    [
        ("Romaing chrages?", "roaming charges?"),
        ("rooming charges", "rooming roaming charges"),
        ("esm activation", "esim activation"),
        ("my dauhgter's mesages", "my daughter's messages"),
        ("intenet dont work", "internet dont work"),
        ("activating a room", "activating a room"),
        ("E-2041 5G-Max *#06# 漫游", "E-2041 5G-Max *#06# 漫游"),
    ],
)
def test_misspelt_words_are_corrected(asked: str, corrected: str) -> None:
    assert Lexicon(HELD | {"costs": 9}).correct(asked) == corrected


def test_the_more_frequent_of_two_near_words() -> None:
    assert Lexicon({"plans": 2, "plane": 9}).correct("plank") == "plane"


def test_two_words_written_as_one_are_parted() -> None:
    assert Lexicon({"roaming": 1, "charges": 1}).correct("roamingcharges") == "roaming charges"


def test_a_word_of_the_language_is_left_alone() -> None:
    assert Lexicon({"donor": 4}).correct("the donur") == "the donor"
    assert Lexicon({"donor": 4}).correct("the donur", lambda word: word == "donur") == "the donur"


@pytest.mark.parametrize(("query", "chinese"), [("什么是 eSIM?", True), ("What is 漫游?", False), ("1707", False)])
def test_the_language_of_a_query(query: str, chinese: bool) -> None:
    assert is_chinese(query) is chinese
