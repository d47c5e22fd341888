"""Hits that stand next to each other in a document, read as one block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from index.passages import Hit, Passage


@dataclass(frozen=True, slots=True)
class Block:
    """Neighbouring passages of one section, in reading order: `text` is read at once, citations name one of `passages`."""

    passages: tuple[Passage, ...]

    @property
    def text(self) -> str:
        return "\n\n".join(p.text for p in self.passages)

    def holding(self, line: str) -> Passage | None:
        """The passage that a line of `text` stands in, for its citation; None when it stands in none."""
        return next((p for p in self.passages if line in p.text), None)


def merge_neighbours(hits: Sequence[Hit]) -> list[Block]:
    """Blocks in the order of their best hits; a hit without a neighbour is a block of its own.

    Only passages of one section are joined: the section was too long for one passage, and was cut.
    """
    place = {(h.passage.document, h.passage.heading, h.passage.ordinal): h.passage for h in hits}
    blocks: list[Block] = []
    seen: set[int] = set()
    for passage in (h.passage for h in hits):
        if id(passage) in seen:
            continue
        first = last = passage.ordinal
        while (passage.document, passage.heading, first - 1) in place:
            first -= 1
        while (passage.document, passage.heading, last + 1) in place:
            last += 1
        run = tuple(place[passage.document, passage.heading, n] for n in range(first, last + 1))
        seen.update(map(id, run))
        blocks.append(Block(run))
    return blocks
