"""Kernel distance between two sets of features (KID on Inception's), and whether it could be chance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cxrbench.quality.distances import refuse_what_is_not_finite
from cxrbench.quality.images import Reals
from cxrbench.quality.intervals import LEVEL, RESAMPLES, Measured
from cxrbench.quality.registry import metric
from cxrbench.quality.sets import Sets

PERMUTATIONS = 1000
AT_A_TIME = 250  # divisions; 4,000 x 250 float64 are 8 MB
DEGREE = 3


class KernelDistance(NamedTuple):
    """An unbiased squared distance, which may be negative, its interval, and the share of random divisions of the
    pooled images that are as far apart."""

    value: float
    low: float
    high: float
    p: float


@metric(
    "k{i}d_{space}",
    label="K{I}D, {space_label}",
    unit="MMD²",
    against="reference",
    good="lower",
    over="space",
)
def kernel_distance_of_features(sets: Sets, space: str) -> Measured:
    """Kernel distance to the held-out images in a space of features: unbiased, so near 0 for real images whatever N
    is, and below 0 by chance. It sees blur and noise, and hardly sees that the same image comes again and again.
    """
    found = sets.once(kernel_distance, space)
    return Measured(found.value, found.low, found.high)


@metric(
    "k{i}d_{space}_p",
    label="K{I}D, {space_label}: could it be chance",
    unit="p-value",
    against="reference",
    good="higher",
    over="space",
)
def kernel_distance_by_chance(sets: Sets, space: str) -> Measured:
    """How likely images of one and the same source would be this far apart, by 1,000 divisions of both sets together:
    below 0.05 the images can be told from the held-out ones. So can real images of other patients where enough are
    compared, and then it tells nothing of generated ones. 0.001 is the least that it can be.
    """
    return Measured(sets.once(kernel_distance, space).p)


def kernel_distance(sets: Sets, space: str) -> KernelDistance:
    """Of the images and the reference images of ``sets``."""
    return compare(sets.features(space, "images"), sets.features(space, "reference"), sets.seed)


def compare(a: Reals, b: Reals, seed: int) -> KernelDistance:
    """Unbiased squared maximum mean discrepancy with the kernel ``(x y / D + 1)^3``, as KID has it.

    Over the full sets, not over subsets: no draw of its own, and the least variance. The interval is a percentile
    bootstrap that leaves out every pair of an image with itself, so repeating an image brings no bias.

    Args:
        a, b: (N, D) and (M, D) features, N and M at least 2.

    Raises:
        QualityError: a number is not finite.

    Source: Gretton et al. 2012, equation 3 (the estimator); Bińkowski et al. 2018 (the kernel); Phipson and Smyth 2010
    (why 1 is added to both counts of a permutation test).
    """
    pooled = np.concatenate([a, b]).astype(np.float64)
    refuse_what_is_not_finite(pooled)
    kernel = (pooled @ pooled.T / pooled.shape[1] + 1) ** DEGREE
    np.fill_diagonal(kernel, 0)
    rng, first = np.random.default_rng(seed), (np.arange(len(pooled)) < len(a)).astype(np.float64)[:, None]
    value = float(_discrepancies(kernel, first, 1 - first)[0])
    by_chance = np.concatenate([_discrepancies(kernel, one, 1 - one) for one in _divided(first[:, 0], rng)])
    p = (1 + int((by_chance >= value).sum())) / (1 + PERMUTATIONS)
    drawn = np.concatenate([_discrepancies(kernel, *both) for both in _redrawn(len(a), len(b), rng)])
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return KernelDistance(value, float(low), float(high), p)


def _divided(members: Reals, rng: np.random.Generator) -> Iterator[Reals]:
    """(N + M, divisions): 1 for who is in the first set, at random."""
    for _ in range(PERMUTATIONS // AT_A_TIME):
        yield np.stack([rng.permutation(members) for _ in range(AT_A_TIME)], axis=1)


def _redrawn(n: int, m: int, rng: np.random.Generator) -> Iterator[tuple[Reals, Reals]]:
    """How often every image comes when both sets are drawn anew from themselves: two of (N + M, draws)."""
    for _ in range(RESAMPLES // AT_A_TIME):
        drawn = [rng.multinomial(one, np.full(one, 1 / one), AT_A_TIME).T.astype(np.float64) for one in (n, m)]
        yield np.pad(drawn[0], ((0, m), (0, 0))), np.pad(drawn[1], ((n, 0), (0, 0)))


def _discrepancies(kernel: Reals, first: Reals, second: Reals) -> Reals:
    """For each column, which says how often every image is in a set: the squared discrepancy of the two sets."""
    from_first, from_second = kernel @ first, kernel @ second
    within, within_second = (first * from_first).sum(axis=0), (second * from_second).sum(axis=0)
    across = (first * from_second).sum(axis=0)
    return (
        within / _pairs(first) + within_second / _pairs(second) - 2 * across / (first.sum(axis=0) * second.sum(axis=0))
    )


def _pairs(members: Reals) -> Reals:
    """Of different images: an image that is drawn twice makes no pair with itself."""
    return np.maximum(members.sum(axis=0) ** 2 - (members**2).sum(axis=0), 1)  # a draw of one image alone has none
