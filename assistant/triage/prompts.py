"""A ticket, tickets like it and the categories to choose from -> the messages that the model is sent. Pure functions.

The levels of the tree are turns of one conversation: what the model has read of the ticket it need not read again.
"""

from __future__ import annotations

from collections.abc import Sequence

from assistant.chat_model import Message
from assistant.triage.taxonomy import Node, Taxonomy
from assistant.triage.tickets import LabelledTicket

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SYSTEM = "Sort the complaint. Reply with the letter of the category that fits best."
_LONGEST = 1200  # characters of a ticket that are read: its beginning, and its end where people say what they want
_END = 300
_SHOWN = 3
_GLIMPSE = 110  # characters of a similar ticket


def first_turn(
    text: str, similar: Sequence[LabelledTicket], taxonomy: Taxonomy, options: Sequence[Node]
) -> list[Message]:
    """The ticket, at most three like it with their categories, and the first level's options."""
    parts = [f"Complaint: {shortened(text)}"]
    shown = [_example(t, taxonomy) for t in similar[:_SHOWN]]
    if shown:
        parts.append("\n".join(["Similar complaints:", *shown]))
    return [Message("system", _SYSTEM), Message("user", "\n\n".join([*parts, offered(options)]))]


def next_turn(messages: Sequence[Message], letter: str, options: Sequence[Node]) -> list[Message]:
    """What was chosen, and the options below it."""
    return [*messages, Message("assistant", letter), Message("user", offered(options))]


def offered(options: Sequence[Node]) -> str:
    """The options, a letter and a name each."""
    return "\n".join(f"{letter}. {node.name}" for letter, node in zip(LETTERS, options, strict=False))


def shortened(text: str) -> str:
    """A ticket in one line; of a very long one the beginning and the end."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - _END]} … {line[-_END:]}"


def _example(ticket: LabelledTicket, taxonomy: Taxonomy) -> str:
    line = " ".join(ticket.text.split())
    glimpse = line if len(line) <= _GLIMPSE else line[:_GLIMPSE].rsplit(" ", 1)[0] + "…"
    names = [taxonomy.nodes[node].name for node in (ticket.path[0], ticket.path[-1]) if node in taxonomy.nodes]
    return f"- {glimpse} = {' > '.join(dict.fromkeys(names))}"
