"""How a model is asked, and what its own word on whether the passages suffice counts for: both come with the model."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Judgement:
    """A logistic regression on two opinions of whether the passages hold an answer: what retrieval found, and the model's.

    `threshold` is the probability from which on a question is answered.
    """

    retrieval: float
    model: float
    bias: float
    threshold: float

    def probability(self, by_retrieval: float, by_model: float) -> float:
        """Both opinions and the result are probabilities."""
        return 1 / (1 + math.exp(-(self.retrieval * logit(by_retrieval) + self.model * logit(by_model) + self.bias)))


@dataclass(frozen=True, slots=True)
class Asking:
    """The name of the prompts (see assistant.prompts), and a judgement for models that have an opinion of their own."""

    prompts: str = "few-shot"
    judgement: Judgement | None = None


UNTUNED = Asking()


def logit(probability: float) -> float:
    """Log-odds, kept within what a float32 softmax can tell from 0 and 1."""
    inside = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(inside / (1 - inside))
