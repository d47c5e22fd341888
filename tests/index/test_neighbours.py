"""Neighbouring hits as one block."""

from __future__ import annotations

from index.neighbours import merge_neighbours
from index.passages import Hit, Passage


def hit(document: str, heading: str, ordinal: int) -> Hit:
    return Hit(Passage(document, "T", (heading,), None, ordinal, f"{document} {ordinal} says so."), 0.5, 0.5)


def test_pieces_of_a_section_are_read_in_order_and_cited_alone() -> None:
    hits = [hit("a", "x", 4), hit("b", "x", 5), hit("a", "x", 3), hit("a", "y", 5), hit("a", "x", 1)]
    blocks = merge_neighbours(hits)
    assert [[p.ordinal for p in b.passages] for b in blocks] == [[3, 4], [5], [5], [1]]
    assert [b.passages[0].document for b in blocks] == ["a", "b", "a", "a"]
    assert blocks[0].text == "a 3 says so.\n\na 4 says so."
    assert blocks[0].holding("a 4 says so.") == hits[0].passage
    assert blocks[0].holding("a 1 says so.") is None


def test_no_hit_no_block() -> None:
    assert merge_neighbours([]) == []
