"""Fits and measures the judgement whether the passages hold an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from assistant.questions import Question
from assistant.settings import AnswerSettings
from assistant.statistics import Estimate, estimate
from assistant.sufficiency import FEATURES, MODEL_FILE, Rarity, SufficiencyModel, features
from index.retrieval import Retriever

_DECLINED = 0.9  # share of unanswerable questions that the threshold must decline
_INVERSE_PENALTY = 0.03


@dataclass(frozen=True, slots=True)
class SufficiencyScores:
    """Area under the ROC curve, and what the threshold does: unanswerable declined, answerable answered."""

    auc: float
    declined: Estimate
    answered: Estimate


_Values = npt.NDArray[np.float64]


def measure(retriever: Retriever, questions: Sequence[Question], settings: AnswerSettings) -> _Values:
    """Feature values, shape (questions, features)."""
    rarity = Rarity(retriever.generation().words)
    found = (retriever.search(q.question, settings.passages, settings.prompt_passages) for q in questions)
    return np.asarray([features(q.question, f, rarity) for q, f in zip(questions, found, strict=True)])


def fit(retriever: Retriever, questions: Sequence[Question], settings: AnswerSettings, note: str) -> SufficiencyModel:
    """Fit the weights on questions outside the test split.

    The threshold is the lowest that still declines enough of the unanswerable ones, each judged by a fit that has
    not seen it (tenfold cross-validation).
    """
    values = measure(retriever, questions, settings)
    answerable = np.asarray([q.answerable for q in questions])
    pipeline = make_pipeline(
        StandardScaler(), LogisticRegression(C=_INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
    )
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    unseen = cross_val_predict(pipeline, values, answerable, cv=folds, method="predict_proba")[:, 1]
    scaler, regression = (step for _, step in pipeline.fit(values, answerable).steps)
    return SufficiencyModel(
        features=FEATURES,
        means=tuple(scaler.mean_.round(6)),
        scales=tuple(scaler.scale_.round(6)),
        weights=tuple(regression.coef_[0].round(6)),
        bias=round(float(regression.intercept_[0]), 6),
        threshold=round(float(np.quantile(unseen[~answerable], _DECLINED)), 4),
        fitted_on=note,
    )


def score(
    model: SufficiencyModel, retriever: Retriever, questions: Sequence[Question], settings: AnswerSettings
) -> SufficiencyScores:
    """Measure a fitted model on questions that it has not seen."""
    probabilities = [model.probability(v) for v in measure(retriever, questions, settings)]
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
