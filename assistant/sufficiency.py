"""Do the passages hold an answer to the question? A probability, from a logistic regression on what retrieval found.

The coefficients are fitted by `switchboard eval sufficiency` on questions with known answers and kept in
`sufficiency.json` beside this module, with the data they came from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ValidationError

from assistant.errors import AssistantError
from assistant.quotables import quotables
from index.generation import Generation
from index.passages import Hit
from index.terms import numbers, terms

MODEL_FILE = Path(__file__).with_name("sufficiency.json")
FEATURES = (
    "best_cosine",
    "second_cosine",
    "spread",
    "coverage_best",
    "coverage_all",
    "coverage_line",
    "rarest_found",
    "unknown_share",
    "numbers_missing",
    "question_terms",
)


class SufficiencyModel(BaseModel, frozen=True):
    """A fitted logistic regression: weights over standardised features, and the threshold chosen with it."""

    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    threshold: float
    fitted_on: str

    def probability(self, values: Sequence[float]) -> float:
        """Probability that the passages hold the answer, for feature values in the order of `features`."""
        total = self.bias + sum(
            w * (v - m) / s for w, v, m, s in zip(self.weights, values, self.means, self.scales, strict=True)
        )
        return 1 / (1 + math.exp(-total))


def load(path: Path = MODEL_FILE) -> SufficiencyModel:
    """Read the fitted model. Raises AssistantError when the file is missing or was made for other features."""
    try:
        model = SufficiencyModel.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as exc:
        raise AssistantError(f"{path} cannot be read; run: switchboard eval sufficiency --fit") from exc
    if model.features != FEATURES:
        raise AssistantError(f"{path} was fitted for other features; run: switchboard eval sufficiency --fit")
    return model


@dataclass(frozen=True, slots=True)
class Rarity:
    """How telling each term is in one generation: its inverse document frequency over passages, from 0 to 1."""

    weights: dict[str, float]

    def of(self, term: str) -> float:
        """1 for a term that no passage holds."""
        return self.weights.get(term, 1.0)

    def known(self, term: str) -> bool:
        return term in self.weights

    @classmethod
    def of_generation(cls, generation: Generation) -> Rarity:
        """Count the terms of every passage; kept for as long as the generation is."""
        return _rarity(generation)


@cache
def _rarity(generation: Generation) -> Rarity:
    counts: dict[str, int] = {}
    for passage in generation.passages:
        for term in set(terms(passage.indexed_text)):
            counts[term] = counts.get(term, 0) + 1
    top = math.log(1 + len(generation.passages))
    return Rarity({t: math.log(1 + len(generation.passages) / n) / (top or 1.0) for t, n in counts.items()})


def features(question: str, hits: Sequence[Hit], rarity: Rarity) -> list[float]:
    """Values in the order of FEATURES."""
    asked = list(dict.fromkeys(terms(question)))
    texts = [set(terms(h.passage.indexed_text)) for h in hits]
    everything = set().union(*texts[:3]) if texts else set()
    lines = [set(terms(q.text)) for h in hits[:2] for q in quotables(h.passage.text)]
    scores = sorted((h.cosine for h in hits), reverse=True) or [0.0]
    rarest = sorted(asked, key=rarity.of, reverse=True)[:2]
    mentioned = set().union(*(numbers(h.passage.indexed_text) for h in hits[:3])) if hits else set()
    stated = numbers(question)
    return [
        scores[0],
        scores[min(1, len(scores) - 1)],
        scores[0] - scores[-1],
        max((_coverage(asked, t, rarity) for t in texts[:3]), default=0.0),
        _coverage(asked, everything, rarity),
        max((_coverage(asked, t, rarity) for t in lines), default=0.0),
        sum(t in everything for t in rarest) / max(len(rarest), 1),
        sum(not rarity.known(t) for t in asked) / max(len(asked), 1),
        len(stated - mentioned) / max(len(stated), 1),
        math.log(1 + len(asked)),
    ]


def _coverage(asked: Iterable[str], found: set[str], rarity: Rarity) -> float:
    asked = list(asked)
    total = sum(rarity.of(t) for t in asked)
    return sum(rarity.of(t) for t in asked if t in found) / total if total else 0.0
