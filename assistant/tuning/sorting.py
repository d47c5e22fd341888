"""Labelled tickets -> conversations that teach to choose a category at every level of the tree."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from assistant.chat_model import Message
from assistant.triage.neighbours import Neighbours
from assistant.triage.prompts import LETTERS, first_turn, next_turn
from assistant.triage.taxonomy import Node, Taxonomy
from assistant.triage.tickets import LabelledTicket
from assistant.tuning.answering import Conversations

_SHUFFLED = 0.25  # share of tickets whose options stand in another order than the taxonomy's: letters must be read
_POOL = 12
_BATCH = 512


def ticket_examples(
    tickets: Sequence[LabelledTicket],
    neighbours: Neighbours,
    taxonomy: Taxonomy,
    rng: random.Random,
    shuffled: float = _SHUFFLED,
) -> list[Conversations]:
    """One conversation a ticket. What a ticket was composed from is kept out of the tickets shown with it."""
    examples: list[Conversations] = []
    for start in range(0, len(tickets), _BATCH):
        batch = tickets[start : start + _BATCH]
        for ticket, near in zip(batch, neighbours.nearest([t.text for t in batch], _POOL), strict=True):
            others = [n.ticket for n in near if n.ticket.id != ticket.id and not _same_words(n.ticket, ticket)]
            examples.append((_conversation(ticket, others, taxonomy, rng if rng.random() < shuffled else None),))
    return examples


def sample(tickets: Sequence[LabelledTicket], per_leaf: int, rng: random.Random) -> list[LabelledTicket]:
    """At most `per_leaf` tickets of each label, of different phrases where there are enough, in random order."""
    by_leaf: dict[tuple[str, ...], list[LabelledTicket]] = defaultdict(list)
    for ticket in tickets:
        by_leaf[ticket.path].append(ticket)
    chosen: list[LabelledTicket] = []
    for own in by_leaf.values():
        shuffled = rng.sample(own, len(own))
        # a phrase's second ticket comes after the first of all others; real tickets have no phrases and stay in place
        times: Counter[str] = Counter()
        order: list[tuple[int, int]] = []
        for place, ticket in enumerate(shuffled):
            order.append((times[ticket.phrase] if ticket.phrase else 0, place))
            times[ticket.phrase] += 1
        chosen += [shuffled[place] for _, place in sorted(order)[:per_leaf]]
    return rng.sample(chosen, len(chosen))


def _same_words(one: LabelledTicket, other: LabelledTicket) -> bool:
    return bool(one.phrase) and one.phrase == other.phrase


def _conversation(
    ticket: LabelledTicket, similar: Sequence[LabelledTicket], taxonomy: Taxonomy, shuffling: random.Random | None
) -> tuple[Message, ...]:
    messages: list[Message] = []
    letter = ""
    parent: Node | None = None
    for node_id in ticket.path:
        options = list(taxonomy.below(parent))
        if shuffling is not None:
            shuffling.shuffle(options)
        node = taxonomy.nodes[node_id]
        messages = (
            next_turn(messages, letter, options) if messages else first_turn(ticket.text, similar, taxonomy, options)
        )
        letter, parent = LETTERS[options.index(node)], node
    return (*messages, Message("assistant", letter))
