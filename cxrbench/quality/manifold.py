"""Precision, recall, density and coverage: whether images are real-looking, and whether all kinds are there.

Each set is taken as the union of balls around its features, every ball as large as the way to the 5th nearest
neighbour in its own set.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cxrbench.quality.distances import distances, radii
from cxrbench.quality.images import QualityError, Reals
from cxrbench.quality.intervals import Measured, bootstrapped, share
from cxrbench.quality.registry import metric
from cxrbench.quality.sets import Sets

NEIGHBOURS = 5


class Manifold(NamedTuple):
    """For every image of each set whether it is met, so that intervals can be had by resampling."""

    precision: Reals  # (M,): 1 where a generated image lies in a ball of the real ones
    recall: Reals  # (N,): 1 where a real image lies in a ball of the generated ones
    density: Reals  # (M,): in how many real balls a generated image lies, over k
    coverage: Reals  # (N,): 1 where the ball of a real image holds a generated one


@metric(
    "precision5_{space}",
    label="Precision, {space_label}",
    unit="0 to 1",
    against="reference",
    good="near real",
    over="space",
)
def precision(sets: Sets, space: str) -> Measured:
    """Share of the generated images that lie among the held-out ones: how many look real."""
    return share(sets.once(manifold_of_features, space).precision, sets.seed)


@metric(
    "recall5_{space}",
    label="Recall, {space_label}",
    unit="0 to 1",
    against="reference",
    good="near real",
    over="space",
)
def recall(sets: Sets, space: str) -> Measured:
    """Share of the held-out images that lie among the generated ones: how much of the variety is there. Near 0 after
    mode collapse, which KID hardly sees.
    """
    return share(sets.once(manifold_of_features, space).recall, sets.seed)


@metric(
    "density5_{space}",
    label="Density, {space_label}",
    unit="1 for real",
    against="reference",
    good="near real",
    over="space",
)
def density(sets: Sets, space: str) -> Measured:
    """How densely held-out images lie around the generated ones, 1 where both are of one source: precision that a few
    outliers among the real images do not raise.
    """
    return bootstrapped(sets.once(manifold_of_features, space).density, np.mean, sets.seed)


@metric(
    "coverage5_{space}",
    label="Coverage, {space_label}",
    unit="0 to 1",
    against="reference",
    good="near real",
    over="space",
)
def coverage(sets: Sets, space: str) -> Measured:
    """Share of the held-out images that have a generated one in their neighbourhood: recall that a few outliers among
    the generated images do not raise.
    """
    return share(sets.once(manifold_of_features, space).coverage, sets.seed)


def manifold_of_features(sets: Sets, space: str) -> Manifold:
    """Of the images and the reference images of ``sets``."""
    return manifold(sets.features(space, "reference"), sets.features(space, "images"))


def manifold(real: Reals, generated: Reals, k: int = NEIGHBOURS) -> Manifold:
    """Compare (N, D) features of real images and (M, D) of generated ones.

    Raises:
        QualityError: a set has not more than ``k`` images, or a number is not finite.

    Source: Kynkäänniemi et al. 2019 (precision, recall); Naeem et al. 2020 (density, coverage).
    """
    if min(len(real), len(generated)) <= k:
        raise QualityError(f"precision and recall need more than {k} images, not {min(len(real), len(generated))}")
    real_radii, generated_radii = radii(real, k), radii(generated, k)
    held, recalled, covered = np.zeros(len(generated)), [], []
    for rows, apart in distances(real, generated):
        inside = apart <= real_radii[rows, None]
        held += inside.sum(axis=0)
        covered.append(inside.any(axis=1))
        recalled.append((apart <= generated_radii).any(axis=1))
    recalls, coverages = (np.concatenate(parts).astype(np.float64) for parts in (recalled, covered))
    return Manifold((held > 0).astype(np.float64), recalls, held / k, coverages)
