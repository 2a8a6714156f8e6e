"""The style of every figure, one colour per backend everywhere, and the figures of losses."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from scipy.signal import lfilter

from cxrbench.report.wording import BACKENDS, COLOURS

INK, FAINT = "#1b2430", "#d5dae1"
WIDTH = 5.2  # inches: two stand side by side on a desk, one alone on a phone
DOTS_PER_INCH = 144
MOST_POINTS = 1500  # of a curve: more than a page has pixels
LINES = {"jax": "-", "torch": (0, (5, 1.5)), "tensorflow": (0, (1.5, 1))}  # told apart without colour, too
LARGEST_PICTURE, REDUCED = 1100, 640  # pixels along a side: 8 images of 128 with their gaps fit as they are


def loss(curves: dict[str, NDArray[Any]], column: str, title: str) -> Figure | None:
    """One column of every backend's losses by step, smoothed, over each step's own value."""
    curves = {backend: table for backend, table in curves.items() if len(table)}
    if not curves:
        return None
    span = max(1, max(len(table) for table in curves.values()) // 40)
    logarithmic = suits_logarithms(curves, column)
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    axes = figure.subplots()
    for backend, table in curves.items():
        every = slice(None, None, max(1, len(table) // MOST_POINTS))
        steps, colour = table["step"][every], COLOURS[backend]
        axes.plot(steps, table[column][every], color=colour, alpha=0.13, lw=0.6)
        smooth = smoothed(table[column], span, logarithmic)[every]
        axes.plot(steps, smooth, color=colour, ls=LINES[backend], lw=1.8, label=BACKENDS[backend])
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    kind = f"bold: {averaged(span, logarithmic)}" if span > 1 else "not smoothed"
    axes.set_xlabel(f"step ({kind})")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False, fontsize=8)
    dress(axes, title)
    return figure


def smoothed(values: NDArray[np.float64], span: int, logarithmic: bool = True) -> NDArray[np.float64]:
    """Exponential moving average, (N,) float64, of the logarithms where asked; ``span`` as in ``2 / (span + 1)``.

    Averaging on the log scale keeps one spike of a GAN loss from lifting the whole curve.
    """
    weight = 2 / (span + 1)
    shown = np.log(values) if logarithmic else values
    start = np.array([(1 - weight) * shown[0]])
    average = lfilter([weight], [1, weight - 1], shown, zi=start)[0]
    return np.exp(average) if logarithmic else average


def suits_logarithms(curves: dict[str, NDArray[Any]], column: str) -> bool:
    """Whether a column is drawn on a logarithmic axis: losses, but not those of a hinge, and no probabilities."""
    return column.endswith("_loss") and all(bool((table[column] > 0).all()) for table in curves.values())


def averaged(span: int, logarithmic: bool) -> str:
    """What ``smoothed`` did, in words."""
    return f"exponential moving average{' of the logarithm' * logarithmic}, span {span}"


def read_picture(path: Path) -> NDArray[np.uint8]:
    """One gray picture, (H, W) uint8."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def figure_png(figure: Figure, notice: str = "") -> bytes:
    """A figure as PNG on white, with a palette of 256 colours, which halves the file and is not seen.

    Args:
        notice: a comment within the file, such as that its images are synthetic.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, facecolor="white")
    with Image.open(buffer) as image:
        return _png(image.convert("RGB").quantize(256, dither=Image.Dither.NONE), notice)


def picture_png(picture: NDArray[np.uint8], notice: str = "") -> bytes:
    """A gray picture, (H, W) uint8, as PNG, one above LARGEST_PICTURE reduced to REDUCED; ``notice`` as above."""
    image = Image.fromarray(picture)
    if max(image.size) > LARGEST_PICTURE:
        image.thumbnail((REDUCED, REDUCED))
    return _png(image, notice)


def _png(image: Image.Image, notice: str) -> bytes:
    buffer, comment = io.BytesIO(), PngInfo()
    if notice:
        comment.add_text("Comment", notice)
    image.save(buffer, format="png", optimize=True, pnginfo=comment)
    return buffer.getvalue()


def dress(axes: Axes, title: str) -> None:
    """A title, and nothing louder than the data."""
    axes.set_title(title, loc="left", fontsize=10, color=INK, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8, color=FAINT)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
