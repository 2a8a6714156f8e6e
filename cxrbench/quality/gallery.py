"""Which images are worth looking at: real ones, those nearest to training images, the most and the least realistic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxrbench.pictures import grid
from cxrbench.quality.distances import distances
from cxrbench.quality.images import Images, QualityError
from cxrbench.quality.manifold import manifold_of_features
from cxrbench.quality.sets import Sets
from cxrbench.quality.spaces import PIXELS

REALS = 64  # as many as a sample grid has
ROW = 6

Picture = NDArray[np.uint8]


def pictures(sets: Sets) -> dict[str, Picture]:
    """By the name of its file, each a gray picture (H, W): ``reference``, ``suspects``, and ``realism`` where a space
    of features can be had."""
    found = {"reference": grid(sets.reference[:REALS]), "suspects": grid(np.concatenate(suspects(sets)), ROW)}
    for space in sets.spaces:
        try:
            found["realism"] = grid(np.concatenate(extremes(sets, space)), ROW)
        except QualityError:
            continue
        break
    return found


def suspects(sets: Sets) -> tuple[Images, Images]:
    """The six generated images that are nearest to a training image at 64x64 pixels, and these training images."""
    train = sets.trained_on(PIXELS.name)
    near, which = [], []
    for _, apart in distances(sets.features(PIXELS.name, "images"), sets.features(PIXELS.name, "train")):
        near.append(apart.min(axis=1))
        which.append(apart.argmin(axis=1))
    nearest = np.argsort(np.concatenate(near), kind="stable")[:ROW]
    return sets.images[nearest], np.asarray(sets.train)[train[np.concatenate(which)[nearest]]]


def extremes(sets: Sets, space: str) -> tuple[Images, Images]:
    """The six generated images of the highest density, and the six of the lowest.

    Raises:
        QualityError: the space cannot be had here.
    """
    order = np.argsort(-sets.once(manifold_of_features, space).density, kind="stable")
    return sets.images[order[:ROW]], sets.images[order[::-1][:ROW]]
