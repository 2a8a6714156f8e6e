"""Phantom-like gray images for tests: smooth, varied, cheap, and drawn by a seed."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter


def chests(count: int, size: int = 32, seed: int = 0) -> NDArray[np.uint8]:
    """(count, size, size) uint8: two dark lungs of varying place and width on a bright body, with fine texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size
    images = np.empty((count, size, size), np.uint8)
    for image in images:
        left, right = rng.normal([0.3, 0.7], 0.03)
        width, height = rng.normal([0.12, 0.3], 0.02)
        lungs = sum(np.exp(-(((x - c) / width) ** 2) - ((y - 0.5) / height) ** 2) for c in (left, right))
        texture = gaussian_filter(rng.normal(size=(size, size)), 0.7)
        picture = rng.normal(170, 8) - 110 * lungs + 22 * texture
        image[:] = np.rint(picture.clip(0, 255))
    return images
