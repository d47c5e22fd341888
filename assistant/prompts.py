"""Question, conversation and passages -> the messages that the model is sent. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.chat_model import Message
from index.passages import Passage
from index.quotables import quotables, sentences

Count = Callable[[str], int]
_POINTER = re.compile(r"\[(\d+)\]\s*")

_REWRITE = (
    "Rewrite the last question so that it can be understood without the conversation. Reply with the question only."
)
_MARGIN = 64  # the chat template's own tokens


@dataclass(frozen=True, slots=True)
class Prompts:
    """How a model is asked: an untuned one is shown examples, a tuned one what it was tuned on.

    With `pointing`, an answer begins with the number of its passage in brackets, or 0 when no passage answers; its first
    bracket is written for the model, so that the number is the first thing that it chooses.
    """

    name: str
    answer: str
    answer_shots: tuple[tuple[str, str], ...]
    rewrite: str
    rewrite_shots: tuple[tuple[str, str], ...]
    pointing: bool


# short, and about nothing that an operator's documents say: what leaks from an example would be noticed
FEW_SHOT = Prompts(
    name="few-shot",
    answer="You are a telecom operator's assistant. Answer the question with sentences copied from the passages, "
    "and give the passage's number after each sentence.",
    answer_shots=(
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
    ),
    rewrite=_REWRITE,
    rewrite_shots=(
        (
            "Earlier: What does a pool ticket cost?\nLast: and for children?",
            "What does a pool ticket cost for children?",
        ),
        ("Earlier: How do I join the library?\nLast: How much is it?", "How much is it to join the library?"),
    ),
    pointing=False,
)
TUNED = Prompts(
    name="pointing-1",
    answer="Answer with sentences copied from the passages, each after its passage's number in brackets. "
    "When no passage answers the question, reply [0].",
    answer_shots=(),
    rewrite=_REWRITE,
    rewrite_shots=(),
    pointing=True,
)
OPENING = "["
PROMPTS = {p.name: p for p in (FEW_SHOT, TUNED)}


@dataclass(frozen=True, slots=True)
class Exchange:
    """An earlier question of the conversation, as it was understood, and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that a model wrote; `pointer` is the number of the passage that it names, None when it names none."""

    text: str
    pointer: int | None


def read_statements(prompts: Prompts, text: str, *, ended: bool) -> tuple[list[Statement], str]:
    """The statements that are complete in what a model has written so far, and the rest of it.

    What points is chosen, not written bit by bit: it is read as whole, whether `ended` or not.
    """
    if prompts.pointing:
        return _pointed(text), ""
    *whole, rest = sentences(text if ended else text + "\x00") or [""]
    whole, rest = ([*whole, rest], "") if ended else (whole, rest.removesuffix("\x00"))
    return [Statement(s, _first_number(s)) for s in whole if s], rest


def _pointed(text: str) -> list[Statement]:
    marks = list(_POINTER.finditer(text))
    ends = [m.start() for m in marks[1:]] + [len(text)]
    parts = [Statement(text[m.end() : end].strip(), int(m.group(1))) for m, end in zip(marks, ends, strict=False)]
    return [s for s in parts if s.text]


def _first_number(sentence: str) -> int | None:
    mark = _POINTER.search(sentence)
    return int(mark.group(1)) if mark else None


def answer_messages(
    prompts: Prompts, question: str, passages: Sequence[Passage], budget: int, count: Count
) -> tuple[list[Message], tuple[Passage, ...]]:
    """The prompt for an answer, and the passages that it holds, numbered from 1 in that order.

    It never exceeds `budget` tokens: an over-long question is cut first, to a third of the budget; then passages
    are left out from the last; a single passage that is still too long is cut at its end.
    """
    question = cut(question, budget // 3, count)
    fixed = [Message("system", prompts.answer)]
    for asked, answered in prompts.answer_shots:
        fixed += [Message("user", asked), Message("assistant", answered)]
    room = budget - _MARGIN - sum(count(m.content) + 8 for m in fixed) - count(question) - 16
    blocks: list[str] = []
    for number, passage in enumerate(passages, start=1):
        block = f"[{number}] {as_lines(passage) if prompts.pointing else passage.indexed_text}"
        need = count(block) + 4
        if need > room:
            if not blocks and room > 32:
                blocks.append(cut(block, room, count))
            break
        blocks.append(block)
        room -= need
    return [*fixed, Message("user", answer_request(question, blocks))], tuple(passages[: len(blocks)])


def answer_request(question: str, blocks: Sequence[str]) -> str:
    """What the model is asked, after passages that are numbered already."""
    return "\n\n".join([*blocks, f"Question: {question}"])


def as_lines(passage: Passage, without: frozenset[str] = frozenset()) -> str:
    """A passage as its title, headings and quotable lines, a table's rows with their column names; `without` leaves
    lines out."""
    place = " > ".join(filter(None, (passage.title, passage.heading_path)))
    return "\n".join([place, *(q.text for q in quotables(passage.text) if q.text not in without)])


def rewrite_messages(
    prompts: Prompts, question: str, history: Sequence[Exchange], budget: int, count: Count
) -> list[Message]:
    """The prompt for a standalone question; the oldest questions are left out when they do not fit."""
    messages = [Message("system", prompts.rewrite)]
    for asked, answered in prompts.rewrite_shots:
        messages += [Message("user", asked), Message("assistant", answered)]
    last = cut(question, budget // 3, count)
    room = budget - _MARGIN - sum(count(m.content) + 8 for m in messages) - count(last)
    earlier: list[str] = []
    for exchange in reversed(history):
        room -= count(exchange.question) + 4
        if room < 0:
            break
        earlier.insert(0, exchange.question)
    return [*messages, Message("user", rewrite_request(last, earlier))]


def rewrite_request(question: str, earlier: Sequence[str]) -> str:
    """What the model is asked to make stand alone, after the questions that came before it, oldest first."""
    return f"Earlier: {' '.join(earlier)}\nLast: {question}"


def cut(text: str, limit: int, count: Count) -> str:
    """The longest beginning of a text that has at most `limit` tokens, cut between words where it can be."""
    if count(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(text[:middle]) <= limit else (low, middle - 1)
    head = text[:low]
    space = max((place for place, character in enumerate(head) if character.isspace()), default=0)
    return head[:space].rstrip() or head
