"""Generated images as files, each of them marked as synthetic."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

NOTICE = "Synthetic image made by a neural network (cxrbench). Not a patient, not for diagnosis."
GAP = 2  # pixels between the images of a grid


def save_png(image: NDArray[np.uint8], file: Path) -> None:
    """Write one (H, W) image, the notice among its metadata."""
    notice = PngInfo()
    notice.add_text("Comment", NOTICE)
    partial = file.with_name(file.name + ".partial")
    Image.fromarray(image).save(partial, format="PNG", pnginfo=notice)
    os.replace(partial, file)


def save_gray(image: NDArray[np.uint8], file: Path) -> None:
    """Write one (H, W) picture that holds real images too."""
    Image.fromarray(image).save(file, format="PNG", optimize=True)


def grid(images: NDArray[np.uint8], columns: int | None = None) -> NDArray[np.uint8]:
    """(N, H, W) -> one picture, row by row, as square as it can be where ``columns`` are not given."""
    count, height, width = images.shape
    columns = columns or int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    picture = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP), dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + GAP), (index % columns) * (width + GAP)
        picture[top : top + height, left : left + width] = image
    return picture
