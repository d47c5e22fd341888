"""Means with the uncertainty that the number of samples leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000


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
