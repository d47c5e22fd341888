"""A linear probe: logistic regression from embeddings to labels (Alain and Bengio, 2016)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from index.embedding import Vectors

Shares = npt.NDArray[np.float32]

_INVERSE_PENALTY = 70.0  # for unit vectors; chosen on the sample dev tickets
_ITERATIONS = 200


class LinearProbe:
    """Weights of shape (dimension, classes) and biases of shape (classes,)."""

    def __init__(self, weights: Vectors, biases: Vectors) -> None:
        self._weights, self._biases = weights, biases

    @classmethod
    def fit(cls, vectors: Vectors, classes: npt.NDArray[np.int64], count: int) -> LinearProbe:
        """Fit on unit vectors of shape (n, dimension) with a class each, from 0 to `count` - 1; all must occur."""
        from sklearn.linear_model import LogisticRegression

        if count < 2:
            return cls(np.zeros((vectors.shape[1], count), np.float32), np.zeros(count, np.float32))
        regression = LogisticRegression(C=_INVERSE_PENALTY, max_iter=_ITERATIONS).fit(vectors, classes)
        weights, biases = regression.coef_.T, regression.intercept_
        if count == 2:  # scikit-learn keeps one column for two classes
            weights, biases = np.hstack([-weights, weights]) / 2, np.concatenate([-biases, biases]) / 2
        return cls(np.ascontiguousarray(weights, np.float32), np.asarray(biases, np.float32))

    @classmethod
    def open(cls, path: Path) -> LinearProbe | None:
        """Read what `save` wrote; None when it cannot be read."""
        try:
            tensors = load_file(path)
            return cls(tensors["weights"], tensors["biases"])
        except (OSError, SafetensorError, KeyError):
            return None

    def save(self, path: Path) -> None:
        save_file({"weights": self._weights, "biases": self._biases}, path)

    def log_probabilities(self, vectors: Vectors) -> Shares:
        """Natural logarithms, shape (n, classes)."""
        logits = vectors @ self._weights + self._biases
        logits -= logits.max(axis=1, keepdims=True)
        return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), dtype=np.float32)
