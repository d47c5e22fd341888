"""Questions and tickets with known answers -> texts that an embedder should bring together, or keep apart."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from assistant.questions import Question
from assistant.triage.taxonomy import Node, Taxonomy
from assistant.triage.tickets import LabelledTicket
from assistant.tuning.answering import Target, find_targets
from index.adaptation import Pair, Task
from index.blending import candidates, ranked
from index.embedding import Embedder
from index.generation import Generation
from index.passages import Passage
from index.quotables import quotables
from index.retrieval import in_place

_HARD = 6  # wrong passages of those found first that a right one is told from
_RIVALS = 2  # passages found first whose lines a right one is told from
_LINES = 2  # lines of an answer that are learned
_TICKETS_PER_LEAF = 12
_SIBLINGS = 4


def question_tasks(
    questions: Sequence[Question], generation: Generation, embedder: Embedder, rng: random.Random
) -> list[Task]:
    """A question belongs with its passage and, closer, with the lines that answer; an unanswerable one with nothing.

    What else `embedder`, the generation's own, finds for it is told apart from these.
    """
    by_question = {q.question: q for q in questions}
    targets = find_targets(questions, generation)
    weighing = generation.manifest.blend
    whole: list[Pair] = []
    lines: list[Pair] = []
    for target, vector in zip(targets, embedder.embed([t.question for t in targets]), strict=True):
        gold = by_question[target.question].gold
        scores = generation.words.scores(target.question)
        pool = candidates(generation.index, vector, scores, _HARD + len(gold))
        best = ranked(pool, weighing.scale, weighing.weight(target.question))[: _HARD + len(gold)]
        found = [generation.passages[c.row] for c in best]
        wrong = [p for p in found if p.id != target.passage.id and not any(g.matches(p) for g in gold)]
        if target.lines:
            whole.append(Pair(target.question, target.passage.indexed_text, tuple(p.indexed_text for p in wrong)))
        lines += _line_pairs(target, wrong[:_RIVALS])
    return [
        Task("passages", tuple(whole), batch=16, negatives=1),
        Task("lines", tuple(lines), batch=32, negatives=3, bounded=True),
    ]


def _line_pairs(target: Target, rivals: Sequence[Passage]) -> list[Pair]:
    wrong = [
        in_place(p, q.text)
        for p in (target.passage, *rivals)
        for q in quotables(p.text)
        if not (p.id == target.passage.id and q.text in target.lines)
    ]
    right = [in_place(target.passage, line) for line in target.lines[:_LINES]] or [""]
    return [Pair(target.question, text, tuple(wrong)) for text in right]


def ticket_task(tickets: Sequence[LabelledTicket], taxonomy: Taxonomy, rng: random.Random) -> Task:
    """A ticket belongs with another of its label that was written otherwise, and with what the taxonomy says of the
    label; not with tickets of the labels beside it."""
    by_leaf: dict[tuple[str, ...], list[LabelledTicket]] = defaultdict(list)
    for ticket in tickets:
        by_leaf[ticket.path].append(ticket)
    siblings: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for path in by_leaf:
        siblings[path[:-1]].append(path)
    pairs: list[Pair] = []
    for path, own in by_leaf.items():
        beside = [p for p in siblings[path[:-1]] if p != path] or [
            p for p in by_leaf if p[:-2] == path[:-2] and p != path
        ]
        for ticket in rng.sample(own, min(_TICKETS_PER_LEAF, len(own))):
            others = [t.text for t in own if t.phrase != ticket.phrase or (not t.phrase and t is not ticket)]
            says = described(taxonomy.nodes[path[-1]], taxonomy)
            right = rng.choice(others) if others and rng.random() < 0.75 else says
            wrong = [rng.choice(by_leaf[p]).text for p in rng.sample(beside, min(_SIBLINGS, len(beside)))]
            pairs.append(Pair(ticket.text, right, tuple(wrong)))
    return Task("tickets", tuple(pairs), batch=32, negatives=1)


def described(node: Node, taxonomy: Taxonomy) -> str:
    """A category in words: the names on its path, and its description."""
    names = [taxonomy.nodes[i].name for i in taxonomy.path_ids(node.id)]
    return f"{' > '.join(names)}\n{node.description}"
