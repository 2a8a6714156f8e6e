"""Sets of images: checked, drawn at equal size, reduced."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrbench.errors import CxrbenchError

Images = NDArray[np.uint8]
Reals = NDArray[np.floating[Any]]

FEWEST = 16
BLOCK = 64  # images at a time in float64, so that 2048 of 256x256 take 34 MB and not 1 GB


class QualityError(CxrbenchError):
    """Images that cannot be measured: the message names the set, what is wrong and the way out."""


def check_images(images: Images, name: str) -> None:
    """Refuse what is not a set of gray images.

    Args:
        images: (N, H, W) uint8, N at least 16.
        name: what the set is called in the message.

    Raises:
        QualityError: wrong type, dtype or shape, or too few images.
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        found = getattr(images, "dtype", type(images).__name__)
        raise QualityError(f"{name}: {found} images, but gray levels are measured on uint8; save them as 0..255 uint8")
    if images.ndim != 3:
        raise QualityError(f"{name}: shape {images.shape}, but gray images are (N, H, W); drop the channel axis")
    if len(images) == 0 or 0 in images.shape:
        raise QualityError(f"{name}: empty, shape {images.shape}; draw or prepare at least {FEWEST} images")
    if len(images) < FEWEST:
        raise QualityError(f"{name}: {len(images)} images are too few to measure; {FEWEST} are the least")


def check_same_size(images: Images, other: Images, name: str, other_name: str) -> None:
    """Refuse two sets whose images differ in height or width.

    Raises:
        QualityError: the sizes differ.
    """
    if images.shape[1:] != other.shape[1:]:
        raise QualityError(
            f"{name}: {_size(images)} images cannot be compared with the {_size(other)} of {other_name}; "
            "use the dataset they were trained on"
        )


def draw(images: Images, count: int, seed: int) -> Images:
    """``count`` different images of a set, chosen by the seed, in their own order (kind to a memory map).

    Args:
        images: (N, H, W) uint8, N at least ``count``.

    Returns:
        (count, H, W) uint8, in memory.

    Raises:
        QualityError: the set holds fewer images than asked.
    """
    if count > len(images):
        raise QualityError(f"{count} images are asked of a set of {len(images)}; lower evaluate.count")
    return np.ascontiguousarray(images[draw_indices(len(images), count, seed)])


def draw_indices(total: int, count: int, seed: int) -> NDArray[np.int64]:
    """``count`` different indices below ``total``, chosen by the seed, in rising order: (count,) int64."""
    return np.sort(np.random.default_rng(seed).choice(total, size=count, replace=False))


def area_means(images: Images, side: int) -> Reals:
    """Reduce every image to at most ``side`` x ``side`` means over cells of equal area (give or take a pixel).

    Args:
        images: (N, H, W) uint8; an axis that is shorter than ``side`` keeps its pixels.

    Returns:
        (N, cells) float64 in gray levels, rows of cells one after the other.
    """
    blocks = [_area_means(images[start : start + BLOCK], side) for start in range(0, len(images), BLOCK)]
    return np.concatenate(blocks)


def _area_means(images: Images, side: int) -> Reals:
    reduced: Reals = images.astype(np.float64)
    for axis in (1, 2):
        length = images.shape[axis]
        cells = min(side, length)
        starts = np.arange(cells) * length // cells
        widths = np.diff(np.append(starts, length))
        sums = np.add.reduceat(reduced, starts, axis=axis)
        reduced = sums / (widths[:, None] if axis == 1 else widths)
    return reduced.reshape(len(images), -1)


def histograms(images: Images) -> NDArray[np.int64]:
    """How many pixels of each image have each gray level: (N, 256) int64."""
    # One at a time: bincount works on an int64 copy.
    return np.stack([np.bincount(image.ravel(), minlength=256) for image in images])


def _size(images: Images) -> str:
    return f"{images.shape[1]}x{images.shape[2]}"
