"""A ticket -> a path down the taxonomy with a probability at every level, stopping where the model is unsure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assistant.chat_model import ChatModel, Message
from assistant.triage.neighbours import Neighbours, Precedents
from assistant.triage.prompts import LETTERS, first_turn, next_turn
from assistant.triage.taxonomy import Node, Priority, Taxonomy

_FLOOR = 0.02  # of the votes, shared by all options, so that no branch is ruled out by not having been seen
_LEAST_LETTERS = 8  # letters and digits; what holds fewer says nothing


@dataclass(frozen=True, slots=True)
class Blend:
    """How much the model and the neighbours count: exponents of a logarithmic opinion pool (Genest and Zidek, 1986)."""

    # chosen on the sample dev tickets, where the small model's word adds nothing to the labelled tickets' (fitted: 0.0)
    model: float = 0.1
    neighbours: float = 0.9


@dataclass(frozen=True, slots=True)
class Step:
    """One level: the category chosen there, its probability among its siblings, and that of the whole path to it.

    `others` are the siblings with their probabilities, likeliest first.
    """

    node: Node
    probability: float
    path_probability: float
    others: tuple[tuple[Node, float], ...]


@dataclass(frozen=True, slots=True)
class Classification:
    """The path down to where the model was sure; `steps` also holds the one level below, where it was not.

    `queue` and `priority` are those of the deepest node in `path`; `reason` says why a person must look, empty when
    nobody must.
    """

    path: tuple[Node, ...]
    steps: tuple[Step, ...]
    queue: str
    priority: Priority
    needs_review: bool
    reason: str

    @property
    def probability(self) -> float:
        """Of the whole path; 0 when it is empty."""
        return self.steps[len(self.path) - 1].path_probability if self.path else 0.0


class Classifier:
    """Walks tickets down a taxonomy with a chat model and, where there are any, labelled tickets like them; without
    a model the labelled tickets decide.

    `threshold` is the least probability of a path; below it the ticket stays at the parent for a person to look at.
    """

    def __init__(
        self,
        model: ChatModel | None,
        taxonomy: Taxonomy,
        neighbours: Neighbours | None = None,
        *,
        threshold: float = 0.5,
        blend: Blend = Blend(),
    ) -> None:
        self._model = model
        self.taxonomy = taxonomy
        self._neighbours = neighbours
        self._threshold = threshold
        self._blend = blend

    async def classify(self, text: str) -> Classification:
        """The path of one ticket. Raises ModelUnavailable."""
        if sum(c.isalnum() for c in text) < _LEAST_LETTERS:
            return self._unclear("there is hardly any text")
        return self.decide(await self.walk(text, await self.precedents(text)))

    async def precedents(self, text: str) -> Precedents:
        """What labelled tickets say of this one; nothing where there are none to compare with."""
        return await asyncio.to_thread(self._neighbours.consult, text) if self._neighbours else Precedents()

    async def walk(self, text: str, told: Precedents) -> tuple[Step, ...]:
        """The likeliest branch at every level, down to a leaf."""
        voted = told.votes
        steps: list[Step] = []
        node: Node | None = None
        messages = None
        letter = ""
        so_far = 1.0
        while options := self._options(node, voted):
            if messages is None:
                messages = first_turn(text, [n.ticket for n in told.near], self.taxonomy, options)
            else:
                messages = next_turn(messages, letter, options)
            letters = LETTERS[: len(options)]
            own = await self._own(messages, letters)
            blended = pool(own, [voted.get(o.id, 0.0) for o in options], self._blend if voted else Blend(1.0, 0.0))
            order = sorted(range(len(options)), key=lambda i: -blended[i])
            best = order[0]
            node, letter = options[best], letters[best]
            so_far *= blended[best]
            steps.append(Step(node, blended[best], so_far, tuple((options[i], blended[i]) for i in order[1:])))
        return tuple(steps)

    def decide(self, steps: Sequence[Step]) -> Classification:
        """Where on its way down a ticket stays, and what follows for its routing."""
        sure = 0
        while sure < len(steps) and steps[sure].path_probability >= self._threshold:
            sure += 1
        path = tuple(step.node for step in steps[:sure])
        if not path:
            return self._unclear("no category is likely enough", steps)
        node = path[-1]
        unsure = sure < len(steps)
        reasons = [f"unsure below {node.name}"] if unsure else []
        reasons += ["a person always looks at this category"] if node.review else []
        return Classification(
            path, tuple(steps[: sure + 1]), node.queue, node.priority, bool(reasons), "; ".join(reasons)
        )

    def _unclear(self, reason: str, steps: Sequence[Step] = ()) -> Classification:
        return Classification((), tuple(steps[:1]), UNSORTED, "normal", True, reason)

    async def _own(self, messages: Sequence[Message], letters: str) -> Sequence[float]:
        """The model's probabilities of the options, even where it has no say or there is nothing to choose."""
        if self._model is None or not self._blend.model or len(letters) == 1:
            return [1 / len(letters)] * len(letters)
        return await self._model.choose(messages, list(letters))

    def _options(self, node: Node | None, voted: Mapping[str, float]) -> tuple[Node, ...]:
        """What can be chosen below a node: all its children, or as many as there are letters, the most voted for."""
        children = self.taxonomy.below(node)
        if len(children) <= len(LETTERS):
            return children
        return tuple(sorted(children, key=lambda c: -voted.get(c.id, 0.0))[: len(LETTERS)])


UNSORTED = "unsorted"  # the queue of tickets that no category fits


def pool(own: Sequence[float], voted: Sequence[float], blend: Blend) -> list[float]:
    """Two opinions on the same options, weighted by exponents and renormalised to sum to 1."""
    total = sum(voted)
    floor = _FLOOR / len(voted)
    others = [(1 - _FLOOR) * v / total + floor if total else 1 / len(voted) for v in voted]
    joint = [max(a, 1e-9) ** blend.model * b**blend.neighbours for a, b in zip(own, others, strict=True)]
    return [j / sum(joint) for j in joint]
