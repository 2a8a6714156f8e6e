"""How the gray levels are distributed, whatever the places they are at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from cxrbench.quality.images import histograms
from cxrbench.quality.intervals import Kept, Measured, jackknifed
from cxrbench.quality.registry import metric
from cxrbench.quality.sets import Sets

LEVELS = np.arange(256)


@metric(
    "intensity_wasserstein_256",
    label="Pixel intensities, Wasserstein-1",
    unit="gray levels",
    against="reference",
    good="lower",
)
def intensity_wasserstein(sets: Sets) -> Measured:
    """How far gray levels must move, on average, for the 256-bin histogram of all pixels to become that of the
    held-out images. It sees exposure and contrast, and nothing of anatomy.

    Source: Wasserstein-1 in one dimension is the area between the two distribution functions (scipy.stats).
    """

    def distance(kept: Kept) -> float:
        return wasserstein(*_histograms(sets, kept))

    return jackknifed(distance, len(sets.images), sets.seed, least=0.0)


def wasserstein(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Wasserstein-1 of two histograms, (256,) each, in gray levels."""
    return float(wasserstein_distance(LEVELS, LEVELS, first, second))


@metric(
    "intensity_jensen_shannon_256",
    label="Pixel intensities, Jensen-Shannon",
    unit="0 to 1",
    against="reference",
    good="lower",
)
def intensity_jensen_shannon(sets: Sets) -> Measured:
    """Jensen-Shannon distance (the square root of the divergence in bits) between the same two histograms. It is high
    where gray levels are missing or invented, however near they lie.

    Source: Endres and Schindelin 2003 (scipy.spatial.distance.jensenshannon with base 2).
    """

    def distance(kept: Kept) -> float:
        return float(jensenshannon(*_histograms(sets, kept), base=2))

    return jackknifed(distance, len(sets.images), sets.seed, least=0.0, most=1.0)


def _histograms(sets: Sets, kept: Kept) -> list[NDArray[np.int64]]:
    return [one[kept].sum(axis=0) for one in sets.once(_of_every_image)]


def _of_every_image(sets: Sets) -> list[NDArray[np.int64]]:
    return [histograms(sets.images), histograms(sets.reference)]
