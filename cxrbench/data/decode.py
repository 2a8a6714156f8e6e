"""From any image file to a square uint8 picture: decode, fit, resize, equalize."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxrbench.errors import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm"})
SIXTEEN_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})


def decode(path: Path) -> Image.Image:
    """Read one image file as gray.

    Color becomes luma (ITU-R 601), 1-bit becomes 0 and 255, and transparency shows black behind it. Of a file with
    several frames the first is read.

    Returns:
        A gray image of Pillow's mode L, or I;16 where the file has 16 bits per gray pixel.

    Raises:
        DataError: the file is missing, truncated, not an image, or of a kind that has no fixed white.
    """
    try:
        with (
            warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning),
            Image.open(path) as image,
        ):
            image.load()
            return _gray(image, path)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # Pillow's readers raise of many kinds on mangled files; one must not end the job
        raise DataError(f"{path}: cannot be decoded ({error}); replace the file or remove it") from None


def _gray(image: Image.Image, path: Path) -> Image.Image:
    if image.mode in SIXTEEN_BIT:
        return Image.fromarray(np.array(image, dtype=np.uint16))
    if image.mode == "I" and image.format == "PPM":  # Pillow scales these to 0..65535, whatever their own white
        return Image.fromarray(np.array(image).astype(np.uint16))
    if image.mode in ("I", "F"):
        raise DataError(f"{path}: pixels of Pillow mode {image.mode} have no fixed white; save it with 8 or 16 bits")
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return image.convert("L")


def to_square(image: Image.Image, size: int, equalize: bool, fit: Literal["pad", "crop"]) -> NDArray[np.uint8]:
    """What the networks see of an image of mode L or I;16: (size, size) uint8.

    Shrinking comes first, so that little is left to equalize, and in floating point: means of pixels have more gray
    levels than the pixels had. Equalization is of the image alone: the black of padding is no exposure.
    """
    levels = _resized(image, size, fit)
    pixels = _equalized(levels) if equalize else np.rint(levels / 257).astype(np.uint8)  # 65535 / 255 = 257
    square = np.zeros((size, size), np.uint8)
    top, left = ((size - side) // 2 for side in pixels.shape)
    square[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return square


def _resized(image: Image.Image, size: int, fit: Literal["pad", "crop"]) -> NDArray[np.uint16]:
    """The image with a longer side of ``size`` pixels, or the square in its middle, of 16 bits."""
    width, height = image.size
    longest, shortest = max(image.size), min(image.size)
    if fit == "crop":
        left, top = (width - shortest) / 2, (height - shortest) / 2
        box, shape = (left, top, left + shortest, top + shortest), (size, size)
    else:
        box = (0.0, 0.0, float(width), float(height))
        shape = (max(1, round(size * width / longest)), max(1, round(size * height / longest)))
    # A gap of 1 first takes means of whole squares of pixels, as many as fit, several times as fast as the wide filter
    # that bicubic shrinking needs; to that is left what is not a whole factor.
    small = image.convert("F").resize(shape, Image.Resampling.BICUBIC, box=box, reducing_gap=1.0)
    levels = np.array(small) * (257 if image.mode == "L" else 1)
    return np.rint(levels.clip(0, 65535)).astype(np.uint16)


def _equalized(levels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """``skimage.exposure.equalize_hist``, by a table of the gray levels: several times as fast."""
    no_brighter = np.bincount(levels.ravel()).cumsum()
    return np.rint(255 * (no_brighter / levels.size)).astype(np.uint8)[levels]
