"""A figure, and the interval that images drawn anew would give it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from cxrbench.quality.images import Reals

RESAMPLES = 1000
GROUPS = 10
LEVEL = 0.95

Kept = NDArray[np.bool_]


@dataclass(frozen=True)
class Measured:
    """One figure, with the ends of its 95 % interval; a p-value has none."""

    value: float
    ci_low: float | None = None
    ci_high: float | None = None


def bootstrapped(values: Reals, statistic: Callable[..., Reals], seed: int) -> Measured:
    """A statistic of independent values with its percentile bootstrap interval (Efron 1979), 1,000 resamples.

    Args:
        values: (N,) float64.
        statistic: takes ``axis``, such as ``np.median``.
    """
    drawn = stats.bootstrap(
        (values,),
        statistic,
        n_resamples=RESAMPLES,
        confidence_level=LEVEL,
        method="percentile",
        vectorized=True,
        batch=100,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Measured(float(statistic(values, axis=-1)), float(drawn.low), float(drawn.high))


def share(alike: Reals, seed: int) -> Measured:
    """The share of images of which something is true, with its percentile bootstrap interval.

    Where it is true of all or of none, resampling shows nothing else either: the interval is then that of the binomial
    distribution (Clopper and Pearson 1934).

    Args:
        alike: (N,) float64, each 0 or 1.
    """
    found = bootstrapped(alike, np.mean, seed)
    if found.value not in (0.0, 1.0):
        return found
    exact = stats.binomtest(round(alike.sum()), len(alike)).proportion_ci(LEVEL)
    return Measured(found.value, float(exact.low), float(exact.high))


def jackknifed(
    statistic: Callable[[Kept], float], count: int, seed: int, least: float = -np.inf, most: float = np.inf
) -> Measured:
    """A distance between two sets of ``count`` images with the interval of the grouped jackknife (Quenouille 1956).

    A bootstrap would repeat images, which widens a distance between sets by itself: its interval need not hold the
    figure. Here a tenth of both sets is left out, ten times, and Student's t over the ten gives the interval.

    Args:
        statistic: of the images at the places that are true, (count,) bool, in both sets.
        least, most: the ends of the statistic's own range.
    """
    groups = np.random.default_rng(seed).permutation(count) % GROUPS
    value = statistic(np.ones(count, bool))
    without = np.array([statistic(groups != group) for group in range(GROUPS)])
    deviation = np.sqrt((GROUPS - 1) / GROUPS * ((without - without.mean()) ** 2).sum())
    half = float(stats.t.ppf((1 + LEVEL) / 2, GROUPS - 1) * deviation)
    return Measured(value, max(value - half, least), min(value + half, most))
