"""Intervals for measured times."""

from __future__ import annotations

import numpy as np

RESAMPLES = 2000


def median_interval(values: list[float], confidence: float = 0.95) -> tuple[float, float, float]:
    """Median and its bootstrap percentile interval (Efron 1979), with a fixed seed.

    Returns:
        (median, low, high), in the unit of the values.
    """
    sample = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(0).choice(sample, size=(RESAMPLES, sample.size))
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(np.median(drawn, axis=1), [tail, 100.0 - tail])
    return float(np.median(sample)), float(low), float(high)
