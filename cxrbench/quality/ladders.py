"""Images damaged on purpose, step by step: which metric sees what, and what it misses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from cxrbench.quality.images import Images, QualityError
from cxrbench.quality.intervals import Measured
from cxrbench.quality.registry import METRICS, find
from cxrbench.quality.sets import RealSets

Figures = dict[str, Measured]
NONE = "other real images"
CERTAIN = 0.05  # a p-value below it tells two sets apart


class Ladder(NamedTuple):
    """One kind of damage: ``damage(images, amount, train, rng)`` of each amount."""

    unit: str
    amounts: tuple[float, ...]
    damage: Callable[[Images, float, Images, np.random.Generator], Images]


class Rung(NamedTuple):
    """What was done to the images, and every figure of them."""

    ladder: str
    amount: float
    figures: Figures


def blurred(images: Images, sigma: float, train: Images, rng: np.random.Generator) -> Images:
    """Gaussian, ``sigma`` pixels."""
    return np.rint(gaussian_filter(images.astype(np.float32), (0, sigma, sigma))).astype(np.uint8)


def noisy(images: Images, deviation: float, train: Images, rng: np.random.Generator) -> Images:
    """Gaussian, gray levels."""
    return _levels(images + rng.normal(0, deviation, images.shape))


def checkered(images: Images, levels: float, train: Images, rng: np.random.Generator) -> Images:
    """Neighbouring pixels brighter and darker by turns, as transposed convolutions leave them."""
    rows, columns = np.indices(images.shape[1:])
    return _levels(images + levels * (1.0 - 2.0 * ((rows + columns) % 2)))


def collapsed(images: Images, times: float, train: Images, rng: np.random.Generator) -> Images:
    """The same few images so many times."""
    count = -(-len(images) // int(times))
    return np.tile(images[:count], (int(times), 1, 1))[: len(images)]


def copied(images: Images, share: float, train: Images, rng: np.random.Generator) -> Images:
    """Some replaced by training images."""
    count = round(share * len(images))
    return np.concatenate([train[rng.choice(len(train), count, replace=False)], images[count:]])


def brighter(images: Images, levels: float, train: Images, rng: np.random.Generator) -> Images:
    """All pixels, by so many gray levels."""
    return _levels(images.astype(np.float32) + levels)


LADDERS = {
    "blur": Ladder("pixels", (0.5, 1, 2, 4), blurred),
    "noise": Ladder("gray levels", (4, 10, 25), noisy),
    "checkerboard": Ladder("gray levels", (2, 4), checkered),
    "exposure": Ladder("gray levels", (5, 20), brighter),
    "collapse": Ladder("times the same images", (2, 10), collapsed),
    "copies": Ladder("of them training images", (0.2, 1), copied),
}


def climb(unseen: Images, real: RealSets) -> Iterator[Rung]:
    """Every figure of unseen real images, as many as are held out, and of every damage to them.

    The unseen images must be neither held out nor training images of ``real``.
    """
    rungs = [(NONE, 0.0), *((name, amount) for name, ladder in LADDERS.items() for amount in ladder.amounts)]
    for name, amount in tqdm(rungs, desc="ladders", unit="rung"):
        rng = np.random.default_rng([real.seed, *name.encode()])
        images = unseen if name == NONE else LADDERS[name].damage(unseen, amount, real.train, rng)
        sets, figures = real.beside(images, name), {}
        for metric in METRICS:
            for figure, measure in metric.figures(sets):
                try:
                    figures[figure] = measure()
                except QualityError:
                    continue  # a space that cannot be had here, or a damage that leaves nothing to compare
        yield Rung(name, amount, figures)


def sees(name: str, damaged: Measured, whole: Measured) -> bool:
    """Whether a figure tells damaged images from whole ones: it is worse, and the intervals lie apart.

    A p-value does where it falls below ``CERTAIN`` and was above.
    """
    figure = find(name)
    if (
        figure is None
        or damaged.ci_low is None
        or whole.ci_low is None
        or damaged.ci_high is None
        or whole.ci_high is None
    ):
        return damaged.value < CERTAIN <= whole.value
    above, below = damaged.ci_low > whole.ci_high, damaged.ci_high < whole.ci_low
    return {"lower": above, "higher": below, "near real": above or below}[figure.metric.good]


def cannot_see(whole: Measured) -> bool:
    """Whether a figure is a p-value that tells whole images from the held-out ones already."""
    return whole.ci_low is None and whole.value < CERTAIN


def _levels(values: np.ndarray) -> Images:
    return np.rint(values.clip(0, 255)).astype(np.uint8)
