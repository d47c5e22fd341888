"""What the sample tickets are composed from: the taxonomy, the phrases of its leaves and the frame."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CASUAL = re.compile(
    r"^[a-z]|[^.!?]$|\b([ui]|ur|pls|plz|thx|im|ive|dont|doesnt|wont|cant|didnt|isnt|wasnt|havent|lol|wtf|ppl|thru)\b|\?\?|!!"
)
ASIDE_WORDS = 24
STYLES = {"email": ("written", "email"), "letter": ("written", "letter"), "phone-note": ("note",)}


class Weight(NamedTuple):
    """How much a leaf matters: its priority, and whether a person always sees it."""

    priority: str
    review: bool

    def traits(self) -> tuple[str, ...]:
        return (self.priority, "review") if self.review else (self.priority,)


@dataclass(frozen=True, slots=True)
class Bank:
    """Sentences by split and group; the nodes it fits (none: all) and does not fit, and phrases it would contradict."""

    sentences: Mapping[str, Mapping[str, Sequence[str]]]
    only: frozenset[str]
    never: frozenset[str]
    unless: re.Pattern[str] | None

    def pool(self, split: str, channel: str) -> list[str]:
        groups = self.sentences[split]
        return [one for style in STYLES.get(channel, ("quick", channel)) for one in groups.get(style, ())]

    def fits(self, traits: frozenset[str], phrase: str) -> bool:
        wanted = (not self.only or bool(traits & self.only)) and not traits & self.never
        return wanted and not (self.unless and self.unless.search(phrase))


@dataclass(frozen=True, slots=True)
class Material:
    """What tickets are composed from: phrases[leaf][split], the path of node ids to each leaf, banks, slot values."""

    phrases: Mapping[str, Mapping[str, Sequence[str]]]
    paths: Mapping[str, Sequence[str]]
    traits: Mapping[str, frozenset[str]]  # what a bank's conditions are about: nodes above, leaf, priority, review
    asides: Mapping[str, Sequence[tuple[str, str]]]  # split -> leaf and phrase small enough to be told in passing
    banks: Mapping[str, Bank]
    slots: Mapping[str, Sequence[str]]
    slots_for: Mapping[str, Mapping[str, Sequence[str]]]

    def values(self, slot: str, leaf: str) -> Sequence[str]:
        own = [self.slots_for[node][slot] for node in self.paths[leaf] if slot in self.slots_for.get(node, {})]
        return own[-1] if own else self.slots[slot]


def load(folder: Path) -> Material:
    """Read phrases and frame from `folder`, the taxonomy from the folder above."""
    phrases: dict[str, Mapping[str, Sequence[str]]] = {}
    for path in sorted((folder / "phrases").glob("*.yaml")):
        phrases |= yaml.safe_load(path.read_text(encoding="utf-8"))
    taxonomy = yaml.safe_load((folder.parent / "taxonomy.yaml").read_text(encoding="utf-8"))
    frame = yaml.safe_load((folder / "frame.yaml").read_text(encoding="utf-8"))
    leaves = {nodes[-1]: (nodes, weight) for nodes, weight in _leaves(taxonomy["nodes"], (), Weight("normal", False))}
    small = [leaf for leaf, (_, weight) in leaves.items() if weight.priority in ("low", "normal") and not weight.review]
    return Material(
        phrases=phrases,
        paths={leaf: nodes for leaf, (nodes, _) in leaves.items()},
        traits={leaf: frozenset((*nodes, *weight.traits())) for leaf, (nodes, weight) in leaves.items()},
        asides=_asides(phrases, small, re.compile(frame["speaker"])),
        banks={name: _bank(fields) for name, fields in frame["banks"].items()},
        slots=frame["slots"],
        slots_for=frame["slots_for"],
    )


def _asides(
    phrases: Mapping[str, Mapping[str, Sequence[str]]], leaves: Sequence[str], speaker: re.Pattern[str]
) -> dict[str, list[tuple[str, str]]]:
    """Short phrases that could be anybody's, so that they do not quarrel with the one before them."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for leaf in leaves:
        for split, some in phrases[leaf].items():
            anybody = [one for one in some if not CASUAL.search(one) and not speaker.search(one)]
            found[split] += [(leaf, one) for one in anybody if len(one.split()) <= ASIDE_WORDS]
    return found


def _bank(fields: Mapping[str, Any]) -> Bank:
    unless = re.compile(fields["unless"]) if "unless" in fields else None
    return Bank(fields["sentences"], frozenset(fields.get("only", ())), frozenset(fields.get("never", ())), unless)


def _leaves(
    nodes: Sequence[Mapping[str, Any]], above: tuple[str, ...], inherited: Weight
) -> Iterator[tuple[tuple[str, ...], Weight]]:
    """The path to each leaf, and its weight: its own, or inherited downwards."""
    for node in nodes:
        path = (*above, node["id"])
        weight = Weight(node.get("priority", inherited.priority), node.get("review", inherited.review))
        if "children" in node:
            yield from _leaves(node["children"], path, weight)
        else:
            yield path, weight
