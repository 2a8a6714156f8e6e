"""How far the images are, pixel by pixel, from real ones: from the nearest training image, and on average."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.spatial.distance import cdist
from tqdm import tqdm

from cxrbench.quality.distances import distances
from cxrbench.quality.images import Images, Reals, area_means, draw_indices
from cxrbench.quality.intervals import Measured, bootstrapped
from cxrbench.quality.registry import metric
from cxrbench.quality.sets import Sets

Distance = Literal["euclidean", "cityblock"]
SIDE = 64
MOST_TRAINING_IMAGES = 10_000  # bounds the time on the full NIH set; the same ones for generated and real images
CHUNK = 512  # images at a time: 512 x 64 x 64 float64 are 17 MB


@metric(
    "nearest_euclidean_64",
    label="Nearest training image, Euclidean",
    unit="gray levels per pixel",
    against="train",
    good="near real",
)
def nearest_euclidean(sets: Sets) -> Measured:
    """Median distance to the nearest training image, as the root mean square difference per pixel at 64x64 area means
    (at most 10,000 training images). Far below the real figure means copies; far above, images unlike any real one.
    """
    return bootstrapped(nearest_image(sets.images, sets.train, "euclidean", sets.seed), np.median, sets.seed)


@metric(
    "nearest_manhattan_64",
    label="Nearest training image, Manhattan",
    unit="gray levels per pixel",
    against="train",
    good="near real",
)
def nearest_manhattan(sets: Sets) -> Measured:
    """The same with the mean absolute difference per pixel, which a few very wrong pixels do not dominate."""
    return bootstrapped(nearest_image(sets.images, sets.train, "cityblock", sets.seed), np.median, sets.seed)


@metric(
    "mean_euclidean_64",
    label="Held-out images on average, Euclidean",
    unit="gray levels per pixel",
    against="reference",
    good="near real",
)
def mean_euclidean(sets: Sets) -> Measured:
    """Mean distance to all held-out images, as the root mean square difference per pixel at 64x64 area means. Below
    the real figure the images are too much like an average chest.
    """
    return bootstrapped(mean_to_all(sets.images, sets.reference, "euclidean"), np.mean, sets.seed)


@metric(
    "mean_manhattan_64",
    label="Held-out images on average, Manhattan",
    unit="gray levels per pixel",
    against="reference",
    good="near real",
)
def mean_manhattan(sets: Sets) -> Measured:
    """The same with the mean absolute difference per pixel."""
    return bootstrapped(mean_to_all(sets.images, sets.reference, "cityblock"), np.mean, sets.seed)


def nearest_image(images: Images, train: Images, distance: Distance, seed: int) -> Reals:
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
        smallest = np.minimum(smallest, _per_pixel(queries, chunk, distance).min(axis=1))
    return smallest


def mean_to_all(images: Images, others: Images, distance: Distance) -> Reals:
    """(N,) mean distance of every image to all of the others, per pixel, as ``nearest_image`` has it."""
    queries, sums = area_means(images, SIDE), np.zeros(len(images))
    for start in tqdm(range(0, len(others), CHUNK), desc=f"mean, {distance}", delay=5, leave=False):
        sums += _per_pixel(queries, area_means(others[start : start + CHUNK], SIDE), distance).sum(axis=1)
    return sums / len(others)


def _per_pixel(queries: Reals, others: Reals, distance: Distance) -> Reals:
    pixels = queries.shape[1]
    if distance == "cityblock":
        return cdist(queries, others, distance) / pixels
    return np.concatenate([apart for _, apart in distances(queries, others)]) / np.sqrt(pixels)
