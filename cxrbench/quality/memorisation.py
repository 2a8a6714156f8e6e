"""Whether a generator copies its training images: nearer to them than held-out images are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.stats import rankdata

from cxrbench.quality.distances import distances, nearest, nearest_places
from cxrbench.quality.images import QualityError, Reals
from cxrbench.quality.intervals import Kept, Measured, jackknifed, share
from cxrbench.quality.registry import metric
from cxrbench.quality.sets import Sets

CELLS = 3
LEAST_SHARE = 0.05  # a cell with fewer of the images says nothing of them
DUPLICATE_QUANTILE = 0.01


class Approach(NamedTuple):
    """How near images come to the training images, and in which cell of these."""

    distances: Reals  # (N,)
    cells: NDArray[np.int64]  # (N,)


@metric(
    "copying_{space}",
    label="Copying C_T, {space_label}",
    unit="z-score",
    against="train",
    good="near real",
    over="space or pixels",
)
def copying(sets: Sets, space: str) -> Measured:
    """How much nearer the generated images lie to training images than held-out ones do, as a z-score: below -5 the
    generator copies, within 3 of 0 its images are as far away as unseen real ones, above they are farther. It grows
    with the root of N, and a generator that copies now and then may stay above -5: the share of duplicates sees that.
    For real images one half of the held-out ones is judged by the other.
    """
    images, held_out, train = (sets.features(space, which) for which in ("images", "reference", "train"))
    if sets.of_real_images:
        images, held_out = images[1::2], held_out[::2]
    count = min(len(images), len(held_out))
    made, real = approaches(train, images[:count], held_out[:count], sets.seed)

    def score(kept: Kept) -> float:
        return copying_score(*(Approach(one.distances[kept], one.cells[kept]) for one in (made, real)))

    return jackknifed(score, count, sets.seed)


@metric(
    "duplicates1_{space}",
    label="Duplicates of training images, {space_label}",
    unit="share",
    against="train",
    good="near real",
    over="space or pixels",
)
def duplicates(sets: Sets, space: str) -> Measured:
    """Share of the generated images that are nearer to a training image than all but 1 % of the training images are to
    another one.
    """
    train = sets.features(space, "train")
    return share(duplicated(train, sets.features(space, "images")), sets.seed)


def approaches(train: Reals, generated: Reals, held_out: Reals, seed: int) -> tuple[Approach, Approach]:
    """Of the generated and of the held-out images, in the cells that k-means makes of (T, D) training features.

    In every cell it is the way to the nearest training image of that cell.
    """
    centres, _ = kmeans2(train.astype(np.float64), CELLS, minit="++", rng=np.random.default_rng(seed))
    own = nearest_places(train, centres)
    found = []
    for images in (generated, held_out):
        cells, ways = nearest_places(images, centres), np.full(len(images), np.inf)
        for cell in np.unique(cells):
            if (own == cell).any():
                ways[cells == cell] = nearest(images[cells == cell], train[own == cell])
        found.append(Approach(ways, cells))
    return found[0], found[1]


def copying_score(generated: Approach, held_out: Approach) -> float:
    """C_T: in every cell a Mann-Whitney test compares the distances; its z-scores are averaged by the held-out images'
    share of each cell.

    Raises:
        QualityError: no cell holds enough of both.

    Source: Meehan, Chaudhuri and Dasgupta 2020, "A Non-Parametric Test to Detect Data-Copying in Generative Models".
    """
    scores, weights = [], []
    for cell in range(CELLS):
        made, real = (one.distances[one.cells == cell] for one in (generated, held_out))
        if all(
            len(part) >= max(1, LEAST_SHARE * len(one.cells)) for part, one in ((made, generated), (real, held_out))
        ):
            scores.append(_z_score(made, real))
            weights.append(len(real))
    if not scores:
        raise QualityError("C_T: generated and held-out images share no part of the training images' space")
    return float(np.average(scores, weights=weights))


def duplicated(train: Reals, generated: Reals) -> Reals:
    """(M,) 1 where a generated image is nearer to a training image than 1 % of training images are to another one."""
    own = []
    for rows, apart in distances(train, train):
        places = np.arange(len(apart))
        apart[places, rows.start + places] = np.inf
        own.append(apart.min(axis=1))
    limit = np.quantile(np.concatenate(own), DUPLICATE_QUANTILE)
    return (nearest(generated, train) < limit).astype(np.float64)


def _z_score(first: Reals, second: Reals) -> float:
    """Mann-Whitney's U as a standard normal value: below 0 where the first values are the smaller ones."""
    n, m = len(first), len(second)
    ranks = rankdata(np.concatenate([first, second]))
    u = ranks[:n].sum() - n * (n + 1) / 2
    return float((u - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))
