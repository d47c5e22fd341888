"""What became of documents and passages from one generation to another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from index.generation import Generation
from index.passages import Passage


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A document that is not the same in both, and the passages that only one of them holds."""

    name: str
    kind: str  # added, changed or removed
    added: tuple[Passage, ...]
    removed: tuple[Passage, ...]


def compare(old: Generation, new: Generation) -> list[DocumentChange]:
    """Every document that differs, by name; passages are the same when their text, title and heading are."""
    before, after = ({d.name: d for d in g.documents} for g in (old, new))
    changes: list[DocumentChange] = []
    for name in sorted(before.keys() | after.keys()):
        added, removed = tuple(_only_in(new, old, name)), tuple(_only_in(old, new, name))
        if before.get(name) != after.get(name) or added or removed:
            kind = "added" if name not in before else "removed" if name not in after else "changed"
            changes.append(DocumentChange(name, kind, added, removed))
    return changes


def _only_in(one: Generation, other: Generation, document: str) -> Iterator[Passage]:
    held = Counter(other.passages.keys[row] for row in other.spans.get(document, ()))
    for row in one.spans.get(document, ()):
        key = one.passages.keys[row]
        if held[key]:
            held[key] -= 1
        else:
            yield one.passages[row]
