"""The sample complaint tickets: what their splits promise, and that the program beside them writes them again."""

from __future__ import annotations

import importlib.util
import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
TICKETS = EXAMPLES / "tickets"
SPLITS = ("train", "dev", "test")
HELD_OUT = ("dev", "test")
RUN = 6  # words in a row that would tell a held-out text
KEYS = {"id", "channel", "text", "label", "phrase"}


@cache
def tickets(split: str) -> tuple[dict[str, str], ...]:
    lines = (TICKETS / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(json.loads(line) for line in lines)


def every_ticket() -> Iterator[dict[str, str]]:
    for split in SPLITS:
        yield from tickets(split)


@cache
def leaf_levels() -> Mapping[str, int]:
    found: dict[str, int] = {}

    def walk(nodes: Sequence[Mapping[str, Any]], level: int) -> None:
        for node in nodes:
            if "children" in node:
                walk(node["children"], level + 1)
            else:
                found[node["id"]] = level

    walk(yaml.safe_load((EXAMPLES / "taxonomy.yaml").read_text(encoding="utf-8"))["nodes"], 1)
    return found


@cache
def leaf_phrases() -> Mapping[str, Mapping[str, Sequence[str]]]:
    found: dict[str, Mapping[str, Sequence[str]]] = {}
    for path in sorted((TICKETS / "phrases").glob("*.yaml")):
        found |= yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@cache
def frame_sentences() -> Mapping[str, Sequence[str]]:
    banks = yaml.safe_load((TICKETS / "frame.yaml").read_text(encoding="utf-8"))["banks"].values()
    return {
        split: [one for bank in banks for some in bank["sentences"][split].values() for one in some] for split in SPLITS
    }


def templates(split: str) -> list[str]:
    return [phrase for phrases in leaf_phrases().values() for phrase in phrases[split]] + [*frame_sentences()[split]]


def words(text: str) -> list[str]:
    return re.sub(r"[^\w\s]", "", text.lower()).split()


def runs(template: str) -> set[tuple[str, ...]]:
    """Every run of six words between two slots of the template."""
    pieces = [words(piece) for piece in re.split(r"\{\w+\}", template)]
    return {tuple(piece[i : i + RUN]) for piece in pieces for i in range(len(piece) - RUN + 1)}


def test_there_are_enough_tickets_over_enough_leaves_at_level_five() -> None:
    assert sum(1 for _ in every_ticket()) >= 6000
    assert len(leaf_levels()) >= 274
    assert set(leaf_levels().values()) == {5}
    assert set(leaf_phrases()) == set(leaf_levels())


@pytest.mark.parametrize("split", SPLITS)
def test_every_leaf_is_in_every_split_and_every_phrase_in_a_ticket(split: str) -> None:
    assert {ticket["label"] for ticket in tickets(split)} == set(leaf_levels())
    used = {ticket["phrase"] for ticket in tickets(split)}
    assert used == {f"{leaf}/{split}/{i}" for leaf, banks in leaf_phrases().items() for i in range(len(banks[split]))}


def test_a_ticket_has_its_fields_and_a_second_problem_is_another_leaf_of_the_split() -> None:
    for ticket in every_ticket():
        assert set(ticket) - {"second"} == KEYS
        assert ticket["phrase"].split("/")[0] == ticket["label"]
        assert ticket.get("second", "") in {"", *leaf_levels()} - {ticket["label"]}
        assert ticket["text"].strip()
        assert not re.search(r"[{}]|  ", ticket["text"]), ticket


def test_ids_and_texts_are_unique() -> None:
    for key in ("id", "text"):
        (most,) = Counter(ticket[key] for ticket in every_ticket()).most_common(1)
        assert most[1] == 1, most


@pytest.mark.parametrize("split", HELD_OUT)
def test_no_held_out_template_is_among_those_of_train(split: str) -> None:
    assert not {tuple(words(t)) for t in templates(split)} & {tuple(words(t)) for t in templates("train")}


@pytest.mark.parametrize("split", HELD_OUT)
def test_no_six_words_of_a_held_out_template_stand_in_a_training_ticket(split: str) -> None:
    held_out = {run: template for template in templates(split) for run in runs(template)}
    for ticket in tickets("train"):
        for run in runs(ticket["text"]):
            assert run not in held_out, f"{ticket['id']} has {' '.join(run)!r} of {held_out[run]!r}"


def test_the_two_held_out_splits_share_no_phrase_of_a_leaf() -> None:
    dev, test = ({phrase for banks in leaf_phrases().values() for phrase in banks[split]} for split in HELD_OUT)
    assert not dev & test


def test_the_program_writes_the_same_bytes_again(tmp_path: Path) -> None:
    command = [sys.executable, str(TICKETS / "generate.py"), "--to", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for split in SPLITS:
        assert (tmp_path / f"{split}.jsonl").read_bytes() == (TICKETS / f"{split}.jsonl").read_bytes(), split


def test_slips_of_the_hand_leave_numbers_and_products_alone() -> None:
    tone = _load_tone()
    names = re.compile(tone.PRODUCTS)
    rng = random.Random(1)
    for ticket in tickets("test")[:400]:
        text = ticket["text"] + " TarnBox 7 Pro, 5G-Max Plus and iPhone 15 for €34.90, see CR-12345678."
        for quick in (True, False):
            toned = tone.apply_tone(text, rng, quick=quick)
            assert re.findall(r"\d+", toned) == re.findall(r"\d+", text)
            assert names.findall(toned) == names.findall(text)
            assert toned.endswith("iPhone 15 for €34.90, see CR-12345678.") or quick


def _load_tone() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tone", TICKETS / "tone.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
