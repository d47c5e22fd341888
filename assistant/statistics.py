"""Means with the uncertainty that the number of samples leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_RESAMPLES = 2000
_Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95% percentile-bootstrap interval over `count` samples."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}] (n={self.count})"


def estimate(samples: Sequence[float]) -> Estimate:
    """The mean of at least one sample; the resampling is seeded, so equal samples give equal intervals."""
    values = np.asarray(samples, dtype=np.float64)
    rows = np.random.default_rng(0).integers(0, len(values), size=(_RESAMPLES, len(values)))
    low, high = np.percentile(values[rows].mean(axis=1), [2.5, 97.5])
    return Estimate(float(values.mean()), float(low), float(high), len(values))


def weighted(values: Sequence[float], weights: Sequence[float]) -> Estimate:
    """The weighted mean of at least one sample; equal weights give what `estimate` gives.

    With shares weighted by what they are shares of, it is the pooled share, and the interval still allows for each
    sample being one draw. A sample without weight does not count.
    """
    kept = [(v, w) for v, w in zip(values, weights, strict=True) if w]
    numbers, loads = np.asarray(kept, dtype=np.float64).T
    rows = np.random.default_rng(0).integers(0, len(kept), size=(_RESAMPLES, len(kept)))
    low, high = np.percentile(_means(numbers, loads, rows), [2.5, 97.5])
    return Estimate(float(np.average(numbers, weights=loads)), float(low), float(high), len(kept))


def paired_difference(
    left: Sequence[float],
    right: Sequence[float],
    left_weights: Sequence[float] | None = None,
    right_weights: Sequence[float] | None = None,
) -> Estimate:
    """Mean of `left` less mean of `right`, where the same index is the same question on both sides.

    The interval is that of the paired percentile bootstrap: questions are drawn, each with both its values (Efron and
    Tibshirani, 1993, "An Introduction to the Bootstrap"); draws are seeded. Weights are as in `weighted`, and each side
    needs one that is not 0. Questions without weight on both sides do not count; draws that leave one side without any
    are passed over.
    """
    size = len(left)
    weights = np.asarray([left_weights or [1.0] * size, right_weights or [1.0] * size], dtype=np.float64)
    kept = weights.any(axis=0)
    values, weights = np.asarray([left, right], dtype=np.float64)[:, kept], weights[:, kept]
    rows = np.random.default_rng(0).integers(0, kept.sum(), size=(_RESAMPLES, kept.sum()))
    draws = _means(values[0], weights[0], rows) - _means(values[1], weights[1], rows)
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    one, other = np.average(values, axis=1, weights=weights)
    return Estimate(float(one - other), float(low), float(high), int(kept.sum()))


def _means(values: _Values, weights: _Values, rows: npt.NDArray[np.int64]) -> _Values:
    """Weighted means of the drawn rows, shape (draws,); NaN where a draw has no weight."""
    loads = weights[rows]
    with np.errstate(invalid="ignore"):
        return np.asarray((values[rows] * loads).sum(axis=1) / loads.sum(axis=1), dtype=np.float64)
