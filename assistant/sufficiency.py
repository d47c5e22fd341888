"""Do the passages hold an answer to the question? A probability, from a logistic regression on what retrieval found.

The coefficients are fitted by `switchboard eval sufficiency` on questions with known answers and kept in
`sufficiency.json` beside this module, with the data they came from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from assistant.errors import AssistantError
from index.retrieval import Retrieval
from index.terms import numbers, terms
from index.words import WordIndex

MODEL_FILE = Path(__file__).with_name("sufficiency.json")
FEATURES = (
    "best_cosine",
    "spread",
    "blend_second",
    "coverage_best",
    "coverage_all",
    "coverage_line",
    "rarest_found",
    "rarest_missing",
    "unknown_share",
    "numbers_missing",
    "question_terms",
    "line_best",
    "line_mean",
    "line_coverage",
    "asks_price",
    "asks_time",
    "asks_whether",
    "asks_number",
    "price_there",
    "time_there",
)
_PRICE = re.compile(r"how much|\bcosts?\b|pric|\bfees?\b|charge|\bpay|cheap|€", re.IGNORECASE)
_TIME = re.compile(r"how long|\bwhen\b|\bdays?\b|\bhours?\b|deadline|\btime", re.IGNORECASE)
_WHETHER = re.compile(r"^\W*(?:can|do|does|is|are|will|may|could)\b", re.IGNORECASE)
_NUMBER = re.compile(r"how many|how much data|limit|\bmax", re.IGNORECASE)
_A_PRICE = re.compile(r"€|\bEUR\b|\bfree\b", re.IGNORECASE)
_A_TIME = re.compile(r"\d+\W*(?:working )?(?:day|hour|week|month|minute|year)|\d\d:\d\d", re.IGNORECASE)


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


class Rarity:
    """How telling each term is in one generation: its inverse document frequency over passages, from 0 to 1."""

    def __init__(self, words: WordIndex) -> None:
        self._words = words

    def of(self, term: str) -> float:
        """1 for a term that no passage holds."""
        holding, rows = self._words.holding(term), len(self._words)
        return math.log(1 + rows / holding) / math.log(1 + rows) if holding else 1.0

    def known(self, term: str) -> bool:
        return self._words.holding(term) > 0


def features(question: str, retrieval: Retrieval, rarity: Rarity) -> list[float]:
    """Values in the order of FEATURES."""
    hits, lines = retrieval.hits, retrieval.lines
    asked = list(dict.fromkeys(terms(question)))
    texts = [set(terms(h.passage.indexed_text)) for h in hits[:3]]
    everything = set().union(*texts)
    cosines = sorted((h.cosine for h in hits), reverse=True) or [0.0]
    rarest = sorted(asked, key=rarity.of, reverse=True)[:2]
    mentioned = frozenset().union(*(numbers(h.passage.indexed_text) for h in hits[:3]))
    stated = numbers(question)
    best_line = lines[0].text if lines else ""
    return [
        cosines[0],
        cosines[0] - cosines[-1],
        hits[1].score if len(hits) > 1 else 0.0,
        max((_coverage(asked, t, rarity) for t in texts), default=0.0),
        _coverage(asked, everything, rarity),
        max((_coverage(asked, set(terms(line.text)), rarity) for line in lines), default=0.0),
        sum(t in everything for t in rarest) / max(len(rarest), 1),
        max((rarity.of(t) for t in asked if t not in everything), default=0.0),
        sum(not rarity.known(t) for t in asked) / max(len(asked), 1),
        len(stated - mentioned) / max(len(stated), 1),
        math.log(1 + len(asked)),
        lines[0].cosine if lines else 0.0,
        sum(line.cosine for line in lines[:3]) / max(len(lines[:3]), 1),
        _coverage(asked, set(terms(best_line)), rarity),
        float(bool(_PRICE.search(question))),
        float(bool(_TIME.search(question))),
        float(bool(_WHETHER.search(question))),
        float(bool(_NUMBER.search(question))),
        float(not _PRICE.search(question) or bool(_A_PRICE.search(best_line))),
        float(not _TIME.search(question) or bool(_A_TIME.search(best_line))),
    ]


def _coverage(asked: Iterable[str], found: set[str], rarity: Rarity) -> float:
    asked = list(asked)
    total = sum(rarity.of(t) for t in asked)
    return sum(rarity.of(t) for t in asked if t in found) / total if total else 0.0
