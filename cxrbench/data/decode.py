"""From any image file to a square uint8 picture: decode, equalize, fit, resize."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
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

    Equalization comes first, at full resolution: the black of padding then does not count as exposure, and shrinking
    evens the steps between gray levels and the noise, which equalization makes stronger. The image stays Pillow's until
    it is small, since one of a million pixels takes 2 ms to become an array.
    """
    picture = _to_8_bit(image, equalize)
    longest, shortest = max(picture.size), min(picture.size)
    box = (0.0, 0.0, float(picture.width), float(picture.height))
    if fit == "pad" and longest != shortest:
        square = Image.new("L", (longest, longest))
        square.paste(picture, ((longest - picture.width) // 2, (longest - picture.height) // 2))
        picture, box = square, (0.0, 0.0, float(longest), float(longest))
    elif fit == "crop":
        left, top = (picture.width - shortest) / 2, (picture.height - shortest) / 2
        box = (left, top, left + shortest, top + shortest)
    # Pillow's filters widen with the reduction, so this antialiases; reducing_gap is its exact-enough fast path.
    return np.array(picture.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0))


def _to_8_bit(image: Image.Image, equalize: bool) -> Image.Image:
    """``skimage.exposure.equalize_hist`` by a table of the gray levels, or a plain rescaling of 16 bits to 8."""
    if image.mode == "L":  # Pillow counts bytes, and looks them up, several times faster than NumPy
        return image.point(_equalizing(image.histogram()).tolist()) if equalize else image
    levels = np.array(image)
    if equalize:
        return Image.fromarray(_equalizing(np.bincount(levels.ravel()))[levels])
    return Image.fromarray(np.rint(levels / 257).astype(np.uint8))  # 65535 / 255 = 257


def _equalizing(counts: ArrayLike) -> NDArray[np.uint8]:
    """Each gray level's new one: the share of pixels that are no brighter, in 255ths."""
    no_brighter = np.cumsum(counts)
    return np.rint(255 * (no_brighter / no_brighter[-1])).astype(np.uint8)
