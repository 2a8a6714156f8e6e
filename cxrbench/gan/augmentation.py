"""Differentiable augmentation (Zhao et al. 2020): the discriminator sees no image as it is, real or generated.

Both are changed alike, and at random, so that it cannot learn a small data set by heart; gradients pass through the
changes to the generator. A translation rounds nothing: a moved image has the same values in other places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

Tensor = Any
CHANCES = 6  # uniform values per image: brightness, contrast, two of the translation, two of the hole
FARTHEST = 8  # a translation is at most one part in so many of the side
HOLE = 2  # the side of a hole is one part in so many


def augment(images: Tensor, chances: Tensor, kinds: Sequence[str]) -> Tensor:
    """Change each image by its own chances.

    Args:
        images: (N, H, W, 1), H = W.
        chances: (N, CHANCES), uniform in (0, 1).
        kinds: of ``color`` (brightness by up to half the range from black to gray, contrast by half to one and a
            half), ``translation`` (by up to an eighth of the side, gray coming in) and ``cutout`` (a gray square of
            half the side, anywhere); all as in the paper, in its order.
    """
    size = images.shape[1]
    if "color" in kinds:
        images = _recolored(images, *_each(chances, 0, 2))
    if "translation" in kinds:
        for axis, chance in enumerate(_each(chances, 2, 4), start=1):
            images = _moved(images, chance, size // FARTHEST, axis)
    if "cutout" in kinds:
        images = ops.where(_hole(size, *_each(chances, 4, 6)), ops.zeros_like(images), images)
    return images


def _each(chances: Tensor, first: int, last: int) -> list[Tensor]:
    """Some columns, each (N, 1, 1, 1)."""
    return [ops.reshape(chances[:, column], (-1, 1, 1, 1)) for column in range(first, last)]


def _recolored(images: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    images = images + (brightness - 0.5)
    mean = ops.mean(images, axis=(1, 2, 3), keepdims=True)
    return (images - mean) * (contrast + 0.5) + mean


def _moved(images: Tensor, chance: Tensor, farthest: int, axis: int) -> Tensor:
    """Along one axis by a whole number of pixels from -farthest to farthest.

    A window of the padded image, found bit by bit of where it begins: slices and ``where`` alone, so that the gradient
    is no scatter of single pixels.
    """
    places, size = 2 * farthest + 1, images.shape[axis]
    start = ops.minimum(ops.cast(chance * places, "int32"), places - 1)
    bits = (places - 1).bit_length()
    edges = [(0, 0)] * 4
    edges[axis] = (farthest, 2**bits - 1 - farthest)
    window = ops.pad(images, edges)
    for bit in reversed(range(bits)):
        length = size + 2**bit - 1
        here, there = _part(window, 0, length, axis), _part(window, 2**bit, 2**bit + length, axis)
        window = ops.where(ops.bitwise_and(start, 2**bit) > 0, there, here)
    return window


def _part(images: Tensor, first: int, last: int, axis: int) -> Tensor:
    return images[:, first:last] if axis == 1 else images[:, :, first:last]


def _hole(size: int, row: Tensor, column: Tensor) -> Tensor:
    """(N, H, W, 1) boolean, true within a square about a point anywhere on the image."""
    pixels = ops.cast(ops.arange(size), row.dtype) + 0.5
    down = ops.abs(ops.reshape(pixels, (1, -1, 1, 1)) - row * size) < size / HOLE / 2
    right = ops.abs(ops.reshape(pixels, (1, 1, -1, 1)) - column * size) < size / HOLE / 2
    return ops.logical_and(down, right)
