"""How the gray levels are distributed, whatever the places they are at.

No interval is given: resampling images with replacement widens a distance between sets, so it would not cover the
figure. The distance between two real sets at the same N is the yardstick.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from cxrbench.quality.images import Images, histogram
from cxrbench.quality.registry import Measured, metric

LEVELS = np.arange(256)


@metric(
    "intensity_wasserstein_256",
    label="Pixel intensities, Wasserstein-1",
    unit="gray levels",
    against="reference",
    good="lower",
)
def intensity_wasserstein(images: Images, reference: Images, seed: int) -> Measured:
    """How far gray levels must move, on average, for the 256-bin histogram of all pixels to become that of the
    held-out images. It sees exposure and contrast, and nothing of anatomy.

    Source: Wasserstein-1 in one dimension is the area between the two distribution functions (scipy.stats).
    """
    distance = wasserstein_distance(LEVELS, LEVELS, histogram(images), histogram(reference))
    return Measured(float(distance))


@metric(
    "intensity_jensen_shannon_256",
    label="Pixel intensities, Jensen-Shannon",
    unit="0 to 1",
    against="reference",
    good="lower",
)
def intensity_jensen_shannon(images: Images, reference: Images, seed: int) -> Measured:
    """Jensen-Shannon distance (the square root of the divergence in bits) between the same two histograms. It is high
    where gray levels are missing or invented, however near they lie.

    Source: Endres and Schindelin 2003 (scipy.spatial.distance.jensenshannon with base 2).
    """
    distance = jensenshannon(histogram(images), histogram(reference), base=2)
    return Measured(float(distance))
