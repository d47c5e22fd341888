"""Questions with known answers -> conversations that teach to answer from passages, and to abstain.

Each group of questions about one passage is shown in up to three surroundings: the passage among others that retrieval
found; the same with the lines that answer one of them taken out; and the others alone. So the same question is answered
in one place and declined in the next, and nothing but the passages says which it must be.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from assistant.chat_model import Message
from assistant.grounding import find_support
from assistant.prompts import TUNED, answer_request, as_lines
from assistant.questions import Gold, Question
from index.generation import Generation
from index.passages import Passage
from index.quotables import quotables
from index.retrieval import Retriever
from index.terms import overlap

Conversations = tuple[tuple[Message, ...], ...]
ABSTAIN = "[0]"
_TOGETHER = 5  # questions that share their passages
_MOST_LINES = 3
_POOL = 8  # hits that distractors are taken from
_ALONE = 0.5  # share of groups that are also shown without their passage
_REMOVED = 0.5  # share of groups with lines taken out, where one of their questions is unanswerable as it stands


@dataclass(frozen=True, slots=True)
class Target:
    """A question and where it is answered: nowhere when `lines` is empty, though `passage` comes near."""

    question: str
    passage: Passage
    lines: tuple[str, ...]


def answer_examples(
    questions: Sequence[Question], retriever: Retriever, rng: random.Random, advance: Callable[[], None] = lambda: None
) -> list[Conversations]:
    """Conversations by the surroundings that they share."""
    generation = retriever.generation()
    examples: list[Conversations] = []
    for group in _groups(find_targets(questions, generation), rng):
        others = [h.passage for h in retriever.search(rng.choice(group).question, _POOL).hits]
        examples += _surroundings(group, others, rng)
        advance()
    return examples


def find_targets(questions: Sequence[Question], generation: Generation) -> list[Target]:
    """The passage and the lines that answer each question; one whose section is not indexed is left out."""
    by_document: dict[str, list[Passage]] = {}
    for passage in generation.passages:
        by_document.setdefault(passage.document, []).append(passage)
    found = (_target(q, by_document) for q in questions)
    return [t for t in found if t is not None]


def _target(question: Question, by_document: Mapping[str, Sequence[Passage]]) -> Target | None:
    places: Sequence[Gold] = question.gold if question.answerable else (question.near,) if question.near else ()
    passages = [p for g in places for p in by_document.get(g.document, ()) if g.matches(p)]
    if not passages:
        return None
    if not question.answerable:
        best = max(passages, key=lambda p: overlap(p.indexed_text, question.question))
        return Target(question.question, best, ())
    chosen = {p: question.lines or _lines_like(question.reference, p) for p in passages}
    held = {p: ls for p, ls in chosen.items() if set(ls) <= {q.text for q in quotables(p.text)} and ls}
    if not held:
        return None
    best = max(held, key=lambda p: overlap(" ".join(held[p]), question.reference))
    return Target(question.question, best, tuple(held[best]))


def _lines_like(reference: str, passage: Passage) -> tuple[str, ...]:
    """The few lines of a passage that together come nearest to a reference answer, in their order."""
    lines = [q.text for q in quotables(passage.text)]
    taken: list[str] = []
    best = 0.0
    while len(taken) < _MOST_LINES:
        scored = [(overlap(" ".join([*taken, li]), reference), -i) for i, li in enumerate(lines) if li not in taken]
        if not scored or max(scored)[0] <= best + 0.02:
            break
        best, place = max(scored)
        taken.append(lines[-place])
    return tuple(sorted(taken, key=lines.index))


def _groups(targets: Sequence[Target], rng: random.Random) -> Iterator[list[Target]]:
    by_passage: dict[str, list[Target]] = {}
    for target in targets:
        by_passage.setdefault(target.passage.id, []).append(target)
    for group in by_passage.values():
        rng.shuffle(group)
        yield from (group[i : i + _TOGETHER] for i in range(0, len(group), _TOGETHER))


def _surroundings(group: Sequence[Target], found: Sequence[Passage], rng: random.Random) -> Iterator[Conversations]:
    passage = group[0].passage
    answers = [t for t in group if t.lines]
    others = [p for p in found if p.id != passage.id]
    # what also answers one of the questions would make a lie of an abstention
    silent = [p for p in others if not any(find_support(line, [p]) for t in answers for line in t.lines)]
    rank = next((i for i, p in enumerate(found) if p.id == passage.id), rng.randrange(3))
    yield _conversations(group, _among(passage, silent, rank, rng), rng)
    if answers and (len(answers) == len(group) or rng.random() < _REMOVED):
        removed = frozenset(rng.choice(answers).lines)
        yield _conversations(group, _among(passage, silent, rank, rng), rng, removed)
    if silent and rng.random() < _ALONE:
        yield _conversations(group, silent[: rng.randint(3, 5)], rng)


def _among(passage: Passage, others: Sequence[Passage], rank: int, rng: random.Random) -> list[Passage]:
    shown = list(others[: rng.randint(2, 4)])
    shown.insert(min(rank, len(shown)), passage)
    return shown


def _conversations(
    group: Sequence[Target], shown: Sequence[Passage], rng: random.Random, removed: frozenset[str] = frozenset()
) -> Conversations:
    own = group[0].passage.id
    blocks = [f"[{n}] {as_lines(p, removed if p.id == own else frozenset())}" for n, p in enumerate(shown, start=1)]
    numbers = {p.id: n for n, p in enumerate(shown, start=1)}
    return tuple(
        (
            Message("system", TUNED.answer),
            Message("user", answer_request(t.question, blocks)),
            Message("assistant", _answer(t, numbers.get(own), removed)),
        )
        for t in rng.sample(group, len(group))
    )


def _answer(target: Target, number: int | None, removed: frozenset[str]) -> str:
    if number is None or not target.lines or removed & set(target.lines):
        return ABSTAIN
    return " ".join(f"[{number}] {line}" for line in target.lines)
