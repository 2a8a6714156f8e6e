"""Structural similarity between images of one set: how varied they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity
from tqdm import tqdm

from cxrbench.quality.images import Images, QualityError
from cxrbench.quality.intervals import Measured, bootstrapped
from cxrbench.quality.registry import metric
from cxrbench.quality.sets import Sets

MOST_PAIRS = 512
WINDOW = 11  # pixels: a Gaussian of sigma 1.5, cut at 3.5 sigma


@metric(
    "pairwise_ssim_512",
    label="SSIM between pairs",
    unit="-1 to 1",
    against="itself",
    good="near real",
)
def pairwise_ssim(sets: Sets) -> Measured:
    """Mean SSIM over random pairs within the set, no image used twice (at most 512 pairs). Above the real figure the
    images are too alike, as in mode collapse; below it they are more disordered than X-rays.
    """
    refuse_what_has_no_structure(sets.images)
    both = tqdm(zip(*pairs(sets.images, sets.seed), strict=True), desc="SSIM", delay=5, leave=False)
    return bootstrapped(np.array([ssim(a, b) for a, b in both]), np.mean, sets.seed)


def pairs(images: Images, seed: int) -> tuple[Images, Images]:
    """At most 512 random pairs of (N, H, W) images, none used twice: the first and the second of each."""
    shuffled = np.random.default_rng(seed).permutation(len(images))
    chosen = shuffled[: len(images) // 2 * 2].reshape(-1, 2)[:MOST_PAIRS]
    return images[chosen[:, 0]], images[chosen[:, 1]]


def ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """SSIM of two (H, W) uint8 images, H and W at least 11: with the settings of the publication.

    Source: Wang et al. 2004, "Image Quality Assessment: From Error Visibility to Structural Similarity".
    """
    score = structural_similarity(a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)
    return float(score)


def refuse_what_has_no_structure(images: Images) -> None:
    """Images smaller than the window, or of one gray level.

    Raises:
        QualityError: some are.
    """
    if min(images.shape[1:]) < WINDOW:
        raise QualityError(f"SSIM needs images of at least {WINDOW}x{WINDOW}, not {images.shape[1]}x{images.shape[2]}")
    constant = np.flatnonzero(images.min(axis=(1, 2)) == images.max(axis=(1, 2)))
    if constant.size:
        raise QualityError(
            f"{constant.size} of {len(images)} images have one gray level everywhere (the first is number "
            f"{constant[0]}), which have no structure to compare; look at them: training has collapsed or the files "
            "are blank"
        )
