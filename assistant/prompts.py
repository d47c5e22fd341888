"""Question, conversation and passages -> the messages that the model is sent. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.chat_model import Message
from index.passages import Passage

Count = Callable[[str], int]

_ANSWER = (
    "You are a telecom operator's assistant. Answer the question with sentences copied from the passages, "
    "and give the passage's number after each sentence."
)
_REWRITE = (
    "Rewrite the last question so that it can be understood without the conversation. Reply with the question only."
)
# short, and about nothing that an operator's documents say: what leaks from an example would be noticed
_ANSWER_SHOTS = (
    (
        "[1] Library > Joining\nAnyone over 6 can join with an identity card. The card costs €4 a year for adults.\n\n"
        "[2] Library > Late books\nA late book costs €0.20 a day. The charge stops at €10 a book.\n\n"
        "Question: what do i pay if i bring a book back late",
        "A late book costs €0.20 a day [2]. The charge stops at €10 a book [2].",
    ),
    (
        "[1] Pool > Lockers\nA locker takes a €2 coin, which is returned.\n\n"
        "[2] Pool > Tickets\nA single ticket costs €5. Children under 4 swim free.\n\n"
        "Question: do i get my locker money back",
        "A locker takes a €2 coin, which is returned [1].",
    ),
)
_REWRITE_SHOTS = (
    ("Earlier: What does a pool ticket cost?\nLast: and for children?", "What does a pool ticket cost for children?"),
    ("Earlier: How do I join the library?\nLast: How much is it?", "How much is it to join the library?"),
)
_MARGIN = 64  # the chat template's own tokens


@dataclass(frozen=True, slots=True)
class Exchange:
    """An earlier question of the conversation, as it was understood, and its answer."""

    question: str
    answer: str


def answer_messages(
    question: str, passages: Sequence[Passage], budget: int, count: Count
) -> tuple[list[Message], tuple[Passage, ...]]:
    """The prompt for an answer, and the passages that it holds, numbered from 1 in that order.

    It never exceeds `budget` tokens: an over-long question is cut first, to a third of the budget; then passages
    are left out from the last; a single passage that is still too long is cut at its end.
    """
    question = cut(question, budget // 3, count)
    fixed = [Message("system", _ANSWER)]
    for asked, answered in _ANSWER_SHOTS:
        fixed += [Message("user", asked), Message("assistant", answered)]
    room = budget - _MARGIN - sum(count(m.content) + 8 for m in fixed) - count(question) - 16
    blocks: list[str] = []
    for number, passage in enumerate(passages, start=1):
        block = f"[{number}] {passage.indexed_text}"
        need = count(block) + 4
        if need > room:
            if not blocks and room > 32:
                blocks.append(cut(block, room, count))
            break
        blocks.append(block)
        room -= need
    body = "\n\n".join([*blocks, f"Question: {question}"])
    return [*fixed, Message("user", body)], tuple(passages[: len(blocks)])


def rewrite_messages(question: str, history: Sequence[Exchange], budget: int, count: Count) -> list[Message]:
    """The prompt for a standalone question; the oldest questions are left out when they do not fit."""
    messages = [Message("system", _REWRITE)]
    for asked, answered in _REWRITE_SHOTS:
        messages += [Message("user", asked), Message("assistant", answered)]
    last = cut(question, budget // 3, count)
    room = budget - _MARGIN - sum(count(m.content) + 8 for m in messages) - count(last)
    earlier: list[str] = []
    for exchange in reversed(history):
        room -= count(exchange.question) + 4
        if room < 0:
            break
        earlier.insert(0, exchange.question)
    return [*messages, Message("user", f"Earlier: {' '.join(earlier)}\nLast: {last}")]


def cut(text: str, limit: int, count: Count) -> str:
    """The longest beginning of a text that has at most `limit` tokens, cut between words where it can be."""
    if count(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= limit else (low, middle - 1)
    head = text[:low]
    return head.rsplit(None, 1)[0] if " " in head else head
