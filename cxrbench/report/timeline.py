"""The same latents, epoch by epoch: frames for a slider, and a strip of some of them for where nothing moves."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxrbench.pictures import grid
from cxrbench.report.results import ReportError
from cxrbench.report.sides import Side

MOST_FRAMES = 36  # every one of the reference settings, of which one may want epoch 500 beside 3,000
MOST_ROWS = 5  # of a strip
LATENTS = 16  # of a frame
COLUMNS = 8  # of a strip
LARGEST = 540  # pixels along a side of a frame: 4 images of 128 with their gaps fit as they are
QUALITY = 80  # of WebP: a frame is to be looked at, what is measured are the arrays


@dataclass(frozen=True)
class Frame:
    """What a generator drew after an epoch, (H, W) uint8."""

    epoch: int
    picture: NDArray[np.uint8]

    @property
    def embedded(self) -> str:
        """As a data URI."""
        image = Image.fromarray(self.picture)
        image.thumbnail((LARGEST, LARGEST))
        return embedded_webp(image)


@dataclass(frozen=True)
class Timeline:
    """One backend's frames, and a strip (H, W) uint8 with a row for each of ``strip_epochs``."""

    backend: str
    frames: list[Frame]
    strip_epochs: list[int]
    strip: NDArray[np.uint8]


def embedded_webp(image: Image.Image) -> str:
    """A picture as a data URI, in a form of a third of a PNG's size whose losses are hardly seen."""
    buffer = io.BytesIO()
    image.save(buffer, format="WEBP", quality=QUALITY)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def timelines(sides: list[Side]) -> list[Timeline]:
    """One per backend, all of the same epochs: those at which every backend that kept images kept some.

    Raises:
        ReportError: kept images are damaged.
    """
    kept = [side for side in sides if side.drawn]
    common = sorted(set.intersection(*(set(side.drawn) for side in kept))) if kept else []
    if len(common) < 2:
        return []
    return [_timeline(side, _spread(common, MOST_FRAMES), _spread(common, MOST_ROWS)) for side in kept]


def _timeline(side: Side, epochs: list[int], rows: list[int]) -> Timeline:
    frames = [Frame(epoch, grid(_first(side, epoch, LATENTS))) for epoch in epochs]
    strip = np.concatenate([_first(side, epoch, COLUMNS) for epoch in rows])
    return Timeline(side.backend, frames, rows, grid(strip, COLUMNS))


def _first(side: Side, epoch: int, count: int) -> NDArray[np.uint8]:
    try:
        return np.load(side.drawn[epoch], mmap_mode="r", allow_pickle=False)[:count]
    except (ValueError, OSError, EOFError) as error:
        raise ReportError(f"{side.drawn[epoch]}: damaged ({error}); delete it, and the page goes without it") from None


def _spread(epochs: list[int], most: int) -> list[int]:
    """So many at most, evenly over all, the first and the last among them."""
    places = np.linspace(0, len(epochs) - 1, min(most, len(epochs)))
    return [epochs[round(place)] for place in places]
