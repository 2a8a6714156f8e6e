"""Multi-scale structural similarity (MS-SSIM) of pairs of images."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import convolve1d

from cxrbench.quality.images import Images, Reals
from cxrbench.quality.intervals import Measured, bootstrapped
from cxrbench.quality.registry import metric
from cxrbench.quality.sets import Sets
from cxrbench.quality.structure import pairs, refuse_what_has_no_structure

WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
SIGMA, RADIUS = 1.5, 5  # of the window, pixels
STABLE = ((0.01 * 255) ** 2, (0.03 * 255) ** 2)
AT_A_TIME = 32  # pairs of 256x256 in float64: 5 images of 17 MB


@metric(
    "pairwise_ms_ssim_512",
    label="MS-SSIM between pairs",
    unit="0 to 1",
    against="itself",
    good="near real",
)
def pairwise_ms_ssim(sets: Sets) -> Measured:
    """Mean multi-scale SSIM over the same pairs, which looks at coarse shapes as well: five scales from 176 pixels on,
    three at 64. Above the real figure the images are too alike.
    """
    refuse_what_has_no_structure(sets.images)
    first, second = pairs(sets.images, sets.seed)
    return bootstrapped(ms_ssim(first, second), np.mean, sets.seed)


def scales(side: int) -> int:
    """How many of the five scales an image of so many pixels has: its coarsest one must hold the window."""
    fitting = [count for count in range(1, len(WEIGHTS) + 1) if side >> (count - 1) > 2 * RADIUS]
    return max(fitting, default=0)


def ms_ssim(first: Images, second: Images) -> Reals:
    """(N,) MS-SSIM of each pair of (N, H, W) uint8 images, over as many scales as they have.

    With fewer than five scales the weights of the kept ones are made to add up to 1.

    Source: Wang, Simoncelli and Bovik 2003.
    """
    found = []
    for start in range(0, len(first), AT_A_TIME):
        a, b = (one[start : start + AT_A_TIME].astype(np.float64) for one in (first, second))
        found.append(_of_block(a, b))
    return np.concatenate(found)


def _of_block(a: Reals, b: Reals) -> Reals:
    count = scales(min(a.shape[1:]))
    weights = WEIGHTS if count == len(WEIGHTS) else WEIGHTS[:count] / WEIGHTS[:count].sum()  # published: 1.0001
    product = np.ones(len(a))
    for scale, weight in enumerate(weights):
        luminance, structure = _similarities(a, b)
        last = scale == count - 1
        value = (luminance * structure if last else structure).mean(axis=(1, 2))
        product *= value.clip(min=0) ** weight  # a negative one has no power
        a, b = _halved(a), _halved(b)
    return product


def _similarities(a: Reals, b: Reals) -> tuple[Reals, Reals]:
    """Luminance, and contrast times structure, at every place where the window fits."""
    mean_a, mean_b = _windowed(a), _windowed(b)
    variances = _windowed(a * a) - mean_a**2 + _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + STABLE[0]) / (mean_a**2 + mean_b**2 + STABLE[0])
    return luminance, (2 * covariance + STABLE[1]) / (variances + STABLE[1])


def _windowed(images: Reals) -> Reals:
    line = np.exp(-(np.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * SIGMA**2))
    line /= line.sum()
    blurred = convolve1d(convolve1d(images, line, axis=1), line, axis=2)
    return blurred[:, RADIUS:-RADIUS, RADIUS:-RADIUS]


def _halved(images: Reals) -> Reals:
    """Means of 2x2 pixels; an odd last row or column is left out."""
    height, width = (side // 2 * 2 for side in images.shape[1:])
    even = images[:, :height, :width]
    return (even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / 4
