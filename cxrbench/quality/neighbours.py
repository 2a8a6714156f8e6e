"""How far the images are from the nearest training image: far below the real figure means copies."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.spatial.distance import cdist
from tqdm import tqdm

from cxrbench.quality.images import Images, Reals, area_means, draw_indices
from cxrbench.quality.registry import Measured, metric, with_interval

SIDE = 64
MOST_TRAINING_IMAGES = 10_000  # bounds the time on the full NIH set; the same ones for generated and real images
CHUNK = 512  # training images at a time: 512 x 64 x 64 float64 are 17 MB


@metric(
    "nearest_euclidean_64",
    label="Nearest training image, Euclidean",
    unit="gray levels per pixel",
    against="train",
    good="near real",
)
def nearest_euclidean(images: Images, train: Images, seed: int) -> Measured:
    """Median distance to the nearest training image, as the root mean square difference per pixel at 64x64 area means
    (at most 10,000 training images). Far below the real figure means copies; far above, images unlike any real one.
    """
    return with_interval(nearest(images, train, "euclidean", seed), np.median, seed)


@metric(
    "nearest_manhattan_64",
    label="Nearest training image, Manhattan",
    unit="gray levels per pixel",
    against="train",
    good="near real",
)
def nearest_manhattan(images: Images, train: Images, seed: int) -> Measured:
    """The same with the mean absolute difference per pixel, which a few very wrong pixels do not dominate."""
    return with_interval(nearest(images, train, "cityblock", seed), np.median, seed)


def nearest(images: Images, train: Images, distance: Literal["euclidean", "cityblock"], seed: int) -> Reals:
    """Distance of every image to its nearest training image, per pixel.

    Args:
        images, train: (N, H, W) and (M, H, W) uint8.

    Returns:
        (N,) float64 in gray levels: root mean square (``euclidean``) or mean absolute difference (``cityblock``).
    """
    chosen = draw_indices(len(train), min(len(train), MOST_TRAINING_IMAGES), seed)
    queries = area_means(images, SIDE)
    smallest = np.full(len(queries), np.inf)
    for start in tqdm(range(0, len(chosen), CHUNK), desc=f"nearest, {distance}", delay=5, leave=False):
        chunk = area_means(train[chosen[start : start + CHUNK]], SIDE)
        smallest = np.minimum(smallest, cdist(queries, chunk, distance).min(axis=1))
    pixels = queries.shape[1]
    return smallest / (np.sqrt(pixels) if distance == "euclidean" else pixels)
