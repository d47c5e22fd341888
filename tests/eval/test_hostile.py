"""Hostile tickets are many-sided, and a label from outside the taxonomy would be seen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.chat_model import Message
from assistant.errors import ModelUnavailable
from assistant.triage.classification import Classification, Classifier
from assistant.triage.taxonomy import Node, Taxonomy
from eval.hostile import hostile_tickets, withstand
from tests.doubles import ScriptedChatModel

TREE = """
name: Two areas
nodes:
- {id: bill, name: Bills, queue: billing, children: [{id: bill-late, name: Late fees}, {id: bill-twice, name: Twice}]}
- {id: net, name: Network, queue: network}
"""


@pytest.fixture
def taxonomy(tmp_path: Path) -> Taxonomy:
    (tmp_path / "tree.yaml").write_text(TREE, encoding="utf-8")
    return Taxonomy.load(tmp_path / "tree.yaml")


def at_random(_: Sequence[Message], choices: Sequence[str]) -> list[float]:
    weights = [random.random() for _ in choices]
    return [w / sum(weights) for w in weights]


def test_none_gets_out_whatever_the_model_says(taxonomy: Taxonomy) -> None:
    texts = hostile_tickets(taxonomy, 200)
    assert hostile_tickets(taxonomy, 200) == texts  # the same again for the same seed
    assert {"", " "} & set(texts)
    assert any("Ignore the above" in t for t in texts)
    found = asyncio.run(withstand(Classifier(ScriptedChatModel(chooses=at_random), taxonomy), texts, 4))
    assert (found.tickets, found.outside, found.wrong_sums, found.failed) == (200, (), (), ())


class _Foreign(Classifier):
    """Gives every ticket a leaf below the wrong parent."""

    async def classify(self, text: str) -> Classification:
        found = await super().classify(text)
        elsewhere = Node("elsewhere", "Elsewhere", "", 1, "q", "normal", review=False, children=())
        return replace(found, steps=tuple(replace(s, node=elsewhere) for s in found.steps))


class _Unsure(Classifier):
    """Gives probabilities that are too large."""

    async def classify(self, text: str) -> Classification:
        found = await super().classify(text)
        return replace(found, steps=tuple(replace(s, probability=s.probability + 0.1) for s in found.steps))


def test_a_label_from_outside_and_wrong_probabilities_are_seen(taxonomy: Taxonomy) -> None:
    text = "my bill has a late fee"
    assert asyncio.run(withstand(_Foreign(ScriptedChatModel(), taxonomy), [text], 1)).outside == (text,)
    assert asyncio.run(withstand(_Unsure(ScriptedChatModel(), taxonomy), [text], 1)).wrong_sums == (text,)


def test_a_ticket_that_cannot_be_sorted_is_named_with_its_reason(taxonomy: Taxonomy) -> None:
    def fails(*_: object) -> list[float]:
        raise ModelUnavailable("gone")

    found = asyncio.run(withstand(Classifier(ScriptedChatModel(chooses=fails), taxonomy), ["a long enough text"], 1))
    assert found.failed == ("ModelUnavailable: gone",)
