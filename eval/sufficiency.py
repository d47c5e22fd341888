"""Fits and measures the judgement whether the passages hold an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from assistant.sufficiency import FEATURES, MODEL_FILE, Rarity, SufficiencyModel, features
from eval.datasets import Question
from eval.statistics import Estimate, estimate
from index.retrieval import Retriever

_DECLINED = 0.85  # share of unanswerable questions that the threshold must decline on dev


@dataclass(frozen=True, slots=True)
class SufficiencyScores:
    """Area under the ROC curve, and what the threshold does: unanswerable declined, answerable answered."""

    auc: float
    declined: Estimate
    answered: Estimate


def measure(retriever: Retriever, questions: Sequence[Question], hits: int) -> np.ndarray:
    """Feature values, shape (questions, features)."""
    rarity = Rarity.of_generation(retriever.generation())
    return np.asarray([features(q.question, retriever.search(q.question, hits).hits, rarity) for q in questions])


def fit(
    retriever: Retriever, train: Sequence[Question], dev: Sequence[Question], hits: int, note: str
) -> SufficiencyModel:
    """Fit the weights on train; choose on dev the lowest threshold that still declines enough."""
    scaler = StandardScaler().fit(values := measure(retriever, train, hits))
    regression = LogisticRegression(C=0.3, class_weight="balanced", max_iter=1000)
    regression.fit(scaler.transform(values), [q.answerable for q in train])
    model = SufficiencyModel(
        features=FEATURES,
        means=tuple(scaler.mean_.round(6)),
        scales=tuple(scaler.scale_.round(6)),
        weights=tuple(regression.coef_[0].round(6)),
        bias=round(float(regression.intercept_[0]), 6),
        threshold=0.5,
        fitted_on=note,
    )
    probabilities = [model.probability(v) for v in measure(retriever, dev, hits)]
    unanswerable = [p for p, q in zip(probabilities, dev, strict=True) if not q.answerable]
    return model.model_copy(update={"threshold": round(float(np.quantile(unanswerable, _DECLINED)), 4)})


def score(model: SufficiencyModel, retriever: Retriever, questions: Sequence[Question], hits: int) -> SufficiencyScores:
    """Measure a fitted model on questions that it has not seen."""
    probabilities = [model.probability(v) for v in measure(retriever, questions, hits)]
    answerable = [q.answerable for q in questions]
    said = [p >= model.threshold for p in probabilities]
    return SufficiencyScores(
        auc=float(roc_auc_score(answerable, probabilities)),
        declined=estimate([float(not s) for s, a in zip(said, answerable, strict=True) if not a]),
        answered=estimate([float(s) for s, a in zip(said, answerable, strict=True) if a]),
    )


def save(model: SufficiencyModel, path: Path = MODEL_FILE) -> None:
    """Write the model where the assistant reads it."""
    path.write_text(model.model_dump_json(indent=1) + "\n", encoding="utf-8")
