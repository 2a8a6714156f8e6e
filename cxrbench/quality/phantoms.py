"""Drawn phantoms, whose truth is known: have generated ones the lungs, hearts and exposures that drawn ones have?"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image
from scipy.stats import wasserstein_distance

from cxrbench.config import DataConfig
from cxrbench.data.anatomy import anatomy
from cxrbench.data.decode import to_square
from cxrbench.data.phantom import FINEST, draw
from cxrbench.quality.images import Images, QualityError, Reals, area_means
from cxrbench.quality.intervals import Kept, Measured, jackknifed
from cxrbench.quality.registry import metric
from cxrbench.quality.sets import Sets

LEARNT, CHECKED = 800, 200  # phantoms
SIDE = 16  # area means that are looked at; more of them tell less of so few phantoms
RIDGE = 0.1
LEAST_AGREEMENT = 0.5  # share of the truth's variance that must be told on phantoms not learnt from
TRUTHS = {"lung_share": 100.0, "cardiothoracic_ratio": 100.0, "exposure": 100.0}  # the unit of each


@metric(
    "phantom_lung_share",
    label="Phantoms: lung area",
    unit="% of the image",
    against="reference",
    good="lower",
    over="phantom",
)
def lung_share(sets: Sets) -> Measured:
    """How far the areas of the lungs, in per cent of the image, are from those of the held-out phantoms
    (Wasserstein-1 of both distributions). They are read from the pixels by a ridge regression that learnt from 800
    further phantoms, whose truth is known.
    """
    return _distance(sets, "lung_share")


@metric(
    "phantom_cardiothoracic_ratio",
    label="Phantoms: heart width over chest width",
    unit="%",
    against="reference",
    good="lower",
    over="phantom",
)
def cardiothoracic_ratio(sets: Sets) -> Measured:
    """The same of the heart's width over that of the chest, by which radiologists tell an enlarged heart."""
    return _distance(sets, "cardiothoracic_ratio")


@metric(
    "phantom_exposure",
    label="Phantoms: exposure",
    unit="% of the correct one",
    against="reference",
    good="lower",
    over="phantom",
)
def exposure(sets: Sets) -> Measured:
    """The same of the exposure. Histogram equalization takes it out of the images: it is not read from those."""
    return _distance(sets, "exposure")


class Anatomist:
    """Reads the anatomy of phantoms from their pixels, having learnt it from phantoms drawn for the purpose."""

    def __init__(self, config: DataConfig):
        self.config = config

    def read(self, images: Images, truth: str) -> Reals:
        """(N,) of (N, S, S) uint8 images, in the unit of the truth.

        Raises:
            QualityError: it cannot be read from images that were prepared like these.
        """
        config, place = self.config, list(TRUTHS).index(truth)
        learnt = _learn(config.seed + 1, config.image_size, config.equalize, config.fit)
        if learnt.agreement[place] < LEAST_AGREEMENT:
            cause = "; data.equalize takes it out of the images" if config.equalize and truth == "exposure" else ""
            raise QualityError(
                f"{truth} cannot be read from phantoms prepared like these: R² {learnt.agreement[place]:.2f} on ones "
                f"not learnt from, {LEAST_AGREEMENT} is the least{cause}"
            )
        pixels = area_means(images, SIDE) / 255 - learnt.pixels
        return pixels @ learnt.weights[:, place] + learnt.truths[place]


class _Learnt(NamedTuple):
    """A ridge regression: the means of pixels and truths, the weights, and R² on phantoms not learnt from."""

    pixels: Reals  # (SIDE * SIDE,)
    truths: Reals  # (3,)
    weights: Reals  # (SIDE * SIDE, 3)
    agreement: Reals  # (3,)


@cache
def _learn(seed: int, size: int, equalize: bool, fit: Literal["pad", "crop"]) -> _Learnt:
    patients = [anatomy(seed, index) for index in range(LEARNT + CHECKED)]
    films = [to_square(Image.fromarray(draw(one, max(FINEST, size))), size, equalize, fit) for one in patients]
    pixels = area_means(np.stack(films), SIDE) / 255
    truths = np.array([[unit * getattr(one, name) for name, unit in TRUTHS.items()] for one in patients])
    means, middle = truths[:LEARNT].mean(axis=0), pixels[:LEARNT].mean(axis=0)
    seen, unseen = np.split(pixels - middle, [LEARNT])
    weights = np.linalg.solve(seen.T @ seen + RIDGE * np.eye(seen.shape[1]), seen.T @ (truths[:LEARNT] - means))
    errors, spread = truths[LEARNT:] - means - unseen @ weights, truths[LEARNT:] - truths[LEARNT:].mean(axis=0)
    return _Learnt(middle, means, weights, 1 - (errors**2).sum(axis=0) / (spread**2).sum(axis=0))


def _distance(sets: Sets, truth: str) -> Measured:
    assert sets.anatomist is not None, "measured of phantoms alone"
    images, reference = (sets.anatomist.read(one, truth) for one in (sets.images, sets.reference))

    def distance(kept: Kept) -> float:
        return float(wasserstein_distance(images[kept], reference[kept]))

    return jackknifed(distance, len(images), sets.seed, least=0.0)
