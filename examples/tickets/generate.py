"""Compose the sample complaint tickets: phrases/*.yaml and frame.yaml -> train.jsonl, dev.jsonl and test.jsonl.

    python examples/tickets/generate.py [--to FOLDER]

A ticket is one phrase of a leaf with sentences of the frame round it. Each ticket draws from a random stream of its own,
seeded by split, leaf and position: a run always gives the same bytes, and a changed phrase changes the tickets of its
leaf only. Run it after a change to the phrases, the frame or the taxonomy and commit what comes out.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from material import CASUAL, Material, load
from tone import apply_tone, lower, weighted

HERE = Path(__file__).parent
SEED = "tarnwave-1"
SPLITS = ("train", "dev", "test")
TICKETS = {"train": 25, "dev": 4, "test": 6}  # of every leaf
# Shares. Of all tickets: bare phrases; of those with more than the phrase and not casual: pages; of medium and longer
# ones without distress: a second problem; of all: careless spelling.
BARE, PAGE, SECOND, TONE = 0.25, 0.075, 0.09, 0.25
LENGTHS = {"short": 42, "medium": 37, "long": 21}
CHANNELS = {"email": 30, "chat": 18, "phone-note": 17, "app": 14, "letter": 12, "social": 9}
CHANNELS_FOR = {
    "bare": {"chat": 32, "app": 28, "social": 18, "email": 12, "phone-note": 10},
    "page": {"email": 60, "letter": 40},
    "urgent": {"phone-note": 34, "chat": 26, "email": 20, "app": 12, "social": 8},  # nobody posts a letter
}
QUICK = {"chat": 42, "app": 32, "social": 26}  # where casual phrases belong


@dataclass(frozen=True, slots=True)
class Ticket:
    """One composed ticket; `phrase` names the template at its heart, `second` the leaf of a problem in passing."""

    channel: str
    text: str
    label: str
    phrase: str
    second: str

    def line(self, number: int) -> str:
        row = {"id": f"T-{number:06d}", "channel": self.channel, "text": self.text}
        row |= {"label": self.label, "phrase": self.phrase} | ({"second": self.second} if self.second else {})
        return json.dumps(row, ensure_ascii=False) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compose the sample complaint tickets.")
    parser.add_argument(
        "--to", type=Path, default=HERE, help="folder for the three files (default: beside this program)"
    )
    folder: Path = parser.parse_args().to
    folder.mkdir(parents=True, exist_ok=True)
    material, number = load(HERE), 0
    for split in SPLITS:
        tickets = list(compose_split(material, split))
        stream(split, "order").shuffle(tickets)
        lines = [ticket.line(number + i) for i, ticket in enumerate(tickets, start=1)]
        number += len(lines)
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
        print(f"{folder / split}.jsonl: {len(lines)} tickets")
    return 0


def compose_split(material: Material, split: str) -> Iterator[Ticket]:
    """Every phrase of every leaf once, then some of them again in another frame, until the leaf has its tickets."""
    seen: set[str] = set()
    for leaf in sorted(material.phrases):
        count = len(material.phrases[leaf][split])
        again = stream(split, leaf, "again").sample(range(count), TICKETS[split] - count)
        for position, index in enumerate([*range(count), *again]):
            ticket = _compose(material, split, leaf, position, index)
            for attempt in range(1, 100):
                if ticket.text not in seen:
                    break
                ticket = _compose(material, split, leaf, position, index, attempt)
            seen.add(ticket.text)
            yield ticket


def _compose(material: Material, split: str, leaf: str, position: int, index: int, attempt: int = 0) -> Ticket:
    count = len(material.phrases[leaf][split])
    rng = stream(split, leaf, str(position), str(attempt))
    # A phrase stands alone only the first time, so that no two tickets are equal; the share holds over all tickets.
    bare = position < count and rng.random() < BARE * TICKETS[split] / count
    return Composer(material, split, leaf, index, rng).compose(bare)


class Composer:
    """Composes one ticket; a slot keeps its value and a sentence stands only once within it."""

    def __init__(self, material: Material, split: str, leaf: str, index: int, rng: random.Random) -> None:
        self.material, self.split, self.leaf, self.index, self.rng = material, split, leaf, index, rng
        self.phrase = material.phrases[leaf][split][index]
        self.casual = bool(CASUAL.search(self.phrase))
        self.values: dict[str, str] = {}
        self.used: set[str] = set()
        self.channel = self.second = ""

    def compose(self, bare: bool) -> Ticket:
        urgent = "urgent" in self.material.traits[self.leaf]
        page = not bare and not self.casual and not urgent and self.chance(PAGE)
        length = "bare" if bare else "page" if page else weighted(self.rng, LENGTHS)
        channels = CHANNELS_FOR.get("urgent" if urgent else length, CHANNELS)
        self.channel = weighted(self.rng, QUICK if self.casual else channels)
        heart = self.fill(self.phrase, self.leaf, self.values)
        heart = f'{self.pick("leads")[0]} "{heart}"' if self.channel == "phone-note" else heart
        forms = {"short": self.short, "medium": self.medium, "long": self.long, "page": self.page}
        parts = [[heart]] if bare else [part for part in forms[length](heart) if part]
        name = f"{self.leaf}/{self.split}/{self.index}"
        return Ticket(self.channel, self.tone(self.join(parts)), self.leaf, name, self.second)

    def short(self, heart: str) -> list[list[str]]:
        purpose = self.rng.choice(["openings", "context", "consequences", "demands", "closings"])
        extra = self.pick(purpose)
        if purpose == "context":
            return [[*extra, heart]]
        if purpose == "openings":
            return [extra, [heart]]
        return [[heart], extra] if purpose == "closings" else [[heart, *extra]]

    def medium(self, heart: str) -> list[list[str]]:
        context = self.pick("context") if self.chance(0.55) else []
        body = [*context, heart] if self.chance(0.6) else [heart, *context]
        body += self.pick("side" if self.chance(0.4) else "consequences") + self.aside()
        opening = self.pick("openings") if self.chance(0.75) else []
        return [opening, body + self.pick("demands"), self.pick("closings") if self.chance(0.6) else []]

    def long(self, heart: str) -> list[list[str]]:
        start = self.pick("context") + (self.pick("side") if self.chance(0.5) else [])
        # an agent notes one mood of the caller
        after = self.pick("consequences", 1 if self.channel == "phone-note" else 2) + (
            self.pick("side") if self.chance(0.4) else []
        )
        return [
            self.pick("openings"),
            [*start, heart],
            after + self.aside(),
            self.pick("demands"),
            self.pick("closings"),
        ]

    def page(self, heart: str) -> list[list[str]]:
        story = self.pick("story", 2)
        return [
            self.pick("openings"),
            self.pick("context", 3) + self.pick("side"),
            story[:1],
            [*self.pick("side"), heart, *self.pick("side")],
            self.pick("consequences", 3) + self.pick("side"),
            story[1:],
            self.aside(),
            self.pick("demands", 2),
            self.pick("closings"),
        ]

    def aside(self) -> list[str]:
        """A smaller problem from another area, in passing; nobody in distress thinks of one."""
        if self.material.traits[self.leaf] & {"urgent", "review"} or not self.chance(SECOND):
            return []
        paths = self.material.paths
        while paths[(other := self.rng.choice(self.material.asides[self.split]))[0]][0] == paths[self.leaf][0]:
            pass
        self.second = other[0]
        text = self.fill(other[1], self.second, {})
        return [f"{self.pick('connectors')[0]} " + (f'"{text}"' if self.channel == "phone-note" else text)]

    def pick(self, purpose: str, count: int = 1) -> list[str]:
        """Up to `count` sentences of the purpose's banks that fit the leaf, its phrase and the channel."""
        traits = self.material.traits[self.leaf]
        pool = [
            (name, sentence)
            for name, bank in self.material.banks.items()
            if name.split("-")[0] == purpose and bank.fits(traits, self.phrase)
            for sentence in bank.pool(self.split, self.channel)
        ]
        chosen: list[str] = []
        for name, sentence in self.rng.sample(pool, len(pool)):
            # a special bank speaks once: two sentences about the writer's trade would make two writers
            own = name if "-" in name else sentence
            if len(chosen) < count and not {own, sentence} & self.used:
                self.used |= {own, sentence}
                chosen.append(sentence)
        return [self.fill(sentence, self.leaf, self.values) for sentence in chosen]

    def fill(self, template: str, leaf: str, values: dict[str, str]) -> str:
        """The template with a value in each slot: the one in `values`, or a new one that is put there."""
        for slot in re.findall(r"\{(\w+)\}", template):
            if slot not in values:
                value = self.rng.choice(self.material.values(slot, leaf))
                values[slot] = re.sub("#", lambda _: str(self.rng.randrange(10)), value)
        text = re.sub(r"\{(\w+)\}", lambda found: values[found[1]], template)
        text = re.sub(r"\b([Aa])ll 2\b", lambda found: "Both" if found[1] == "A" else "both", text)
        return re.sub(r"\b([Aa]) (?=iPhone|Android|AirFibre|8|11\b|18\b)", r"\1n ", text)

    def join(self, paragraphs: list[list[str]]) -> str:
        if self.channel in ("email", "letter"):
            return "\n\n".join(self.sentences(part) for part in paragraphs)
        return self.sentences([sentence for part in paragraphs for sentence in part])

    def sentences(self, part: list[str]) -> str:
        """In one line; a sentence without an end gets one before the next begins."""
        if self.channel in QUICK and not self.phrase[0].islower():  # who takes care to begin one so begins all so
            part = [sentence[0].upper() + sentence[1:] for sentence in part]
        ended = [s if s == "@Tarnwave" or not s[-1].isalnum() else s + self.rng.choice([".", ".", "..."]) for s in part]
        return " ".join([*ended[:-1], part[-1]])

    def tone(self, text: str) -> str:
        quick = self.channel in QUICK
        if quick and self.chance(0.85 if self.phrase[0].islower() else 0.06):
            text = lower(text)
        return apply_tone(text, self.rng, quick=quick) if self.chance(TONE) else text

    def chance(self, share: float) -> bool:
        return self.rng.random() < share


def stream(*names: str) -> random.Random:
    return random.Random("/".join((SEED, *names)))


if __name__ == "__main__":
    sys.exit(main())
