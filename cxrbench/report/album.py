"""Results and curves -> every picture of a page, with what it shows to who cannot see it."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from cxrbench.pictures import NOTICE
from cxrbench.report import course_words, figures, quality_figures
from cxrbench.report.growth_figures import growth
from cxrbench.report.hero import hero
from cxrbench.report.parity_figure import parity_figure
from cxrbench.report.results import Results
from cxrbench.report.sides import Side
from cxrbench.report.speed_figures import bars, order
from cxrbench.report.stages import Evaluation
from cxrbench.report.timeline import Timeline, embedded_webp
from cxrbench.report.training_charts import CURVES
from cxrbench.report.wording import BACKENDS, listing, metric_label

# Each metric that is drawn, with its part of the page.
BARS = {"step_time": "speed", "peak_device_memory": "memory", "peak_host_memory": "memory"}
IMAGES = ("samples", "between", "epochs", "gallery")  # parts whose pictures are images and no figures
PARITY_CAPTION = (
    "Above, the losses of all backends, drawn on one another. Below, the largest difference between any two of them in "
    "any metric, by step, with the bounds (dashed, over the steps they are for) and the machine epsilon of each "
    "precision (ε)."
)


@dataclass(frozen=True)
class Picture:
    """One PNG of the report: its section, its file, what it shows to who cannot see it, and its caption."""

    part: str
    file: str
    alt: str
    caption: str
    png: bytes
    backend: str = ""

    @property
    def embedded(self) -> str:
        """As a data URI, so that the page loads nothing: images a little reduced, for the PNG lies beside the page."""
        if self.part in IMAGES:
            with Image.open(io.BytesIO(self.png)) as image:
                return embedded_webp(image)
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def draw_pictures(results: Results, sides: list[Side], lines: list[Timeline]) -> list[Picture]:
    """Everything for which there is something to draw."""
    grids = {side.backend: figures.read_picture(side.grid) for side in sides if side.grid}
    return [*_parity(results), *_plots(results, sides, grids), *_samples(results, sides, grids), *_epochs(lines)]


def _parity(results: Results) -> Iterator[Picture]:
    if results.parity:
        alt = (
            "Losses of all backends by training step, overlaid, and below them the largest difference of any metric "
            "between two backends on a logarithmic scale; the table below has the bounds"
        )
        png = figures.figure_png(parity_figure(results.parity))
        yield Picture("parity", "parity.png", alt, PARITY_CAPTION, png)


def _plots(results: Results, sides: list[Side], grids: dict[str, NDArray[np.uint8]]) -> Iterator[Picture]:
    yield from _timings(results)
    curves = {side.backend: side.losses for side in sides if side.losses is not None}
    for column, title in CURVES.items():
        alt = f"{title} by training step, {listing([BACKENDS[one] for one in curves])}"
        yield from _plot("losses", column, figures.loss(curves, column, title), alt)
    measured = {side.backend: side.progress for side in sides if side.progress is not None}
    alt = "Distance of every backend's images to held-out real ones while training, by minutes: texture and gray levels"
    yield from _plot("progress", "progress", quality_figures.progress(measured), alt)
    target = course_words.target_kid(results)
    alt = "Distances of every training's images to held-out real ones by minutes of training; the table has the times"
    yield from _plot("course", "course", quality_figures.course(results.courses, target), alt)
    yield from _quality({side.backend: side.evaluation for side in sides if side.evaluation})
    shown = listing([BACKENDS[backend] for backend in grids])
    alt = "Bars of the time per training step" + (f", and grids of synthetic images drawn by {shown}" if shown else "")
    yield from _plot("hero", "hero", hero(results, grids), alt)


def _quality(found: dict[str, Evaluation]) -> Iterator[Picture]:
    counts = {backend: one.histograms for backend, one in found.items()}
    for backend, figure in quality_figures.histograms(counts).items():
        alt = f"Histogram of the gray levels of {BACKENDS[backend]}'s images over that of held-out real images"
        yield from _plot("histograms", f"histogram-{backend}", figure, alt)
    alt = "Power by spatial frequency of every backend's images over that of held-out real images"
    yield from _plot(
        "spectra", "spectra", quality_figures.spectra({name: one.spectra for name, one in found.items()}), alt
    )
    alt = "Held-out real images and every backend's images as points in the plane of their largest variety"
    maps = {name: one.feature_map for name, one in found.items()}
    yield from _plot("map", "feature-map", quality_figures.feature_maps(maps), alt)


def _timings(results: Results) -> Iterator[Picture]:
    # Bars of many variants need room, and the rate is the step time told the other way round.
    rate = {} if results.processes else {"images_per_second": "speed"}
    for metric, part in (BARS | rate).items():
        alt = f"{metric_label(metric)} of each backend as bars; the table above has the numbers"
        yield from _plot(part, metric, bars(results, metric), alt)
    for metric, part in BARS.items():
        what = "Time per image" if metric == "step_time" else metric_label(metric)
        alt = f"{what} by image and batch size on logarithmic scales, a line per backend and variant"
        yield from _plot(part, f"growth-{metric}", growth(results, metric), alt)
    alt = (
        "Step time of every process against the median of its like, in the order in which they ran; a drift of the "
        "machine would move all of them one way"
    )
    yield from _plot("order", "order", order(results), alt)


def _plot(part: str, name: str, figure: Figure | None, alt: str) -> Iterator[Picture]:
    if figure is not None:
        notice = NOTICE if part == "hero" else ""
        yield Picture(part, f"{name}.png", alt, "", figures.figure_png(figure, notice))


def _samples(results: Results, sides: list[Side], grids: dict[str, NDArray[np.uint8]]) -> Iterator[Picture]:
    stray = {side.backend for side in sides if not side.samples} if any(side.samples for side in sides) else set()
    for backend, grid in grids.items():
        name = BACKENDS[backend]
        alt = f"Grid of synthetic images drawn by the generator trained on {name}"
        caption = f"{name}, synthetic{', drawn while training from other latents' * (backend in stray)}"
        png = figures.picture_png(grid, NOTICE)
        yield Picture("samples", f"grid-{backend}.png", alt, caption, png, backend)
    for side in sides:
        if side.interpolation:
            name = BACKENDS[side.backend]
            caption = f"{name}, synthetic: row by row from one latent to another"
            png = figures.picture_png(figures.read_picture(side.interpolation), NOTICE)
            yield Picture("between", f"between-{side.backend}.png", caption, caption, png, side.backend)
    yield from _gallery(results, sides)
    reference = next((side.picture("reference") for side in sides if side.picture("reference")), None)
    if reference and may_show_real(results):
        kind = "drawn phantoms" if source(results) == "phantom" else "NIH ChestX-ray14"
        png = figures.picture_png(figures.read_picture(reference))
        caption = f"Held-out images of the data set: {kind}"
        yield Picture("samples", "real.png", f"Grid of held-out images: {kind}", caption, png, "real")


def _epochs(lines: list[Timeline]) -> Iterator[Picture]:
    """Epochs to be compared, and for where no slider moves: a row per epoch, of the same latents."""
    for one in lines:
        shown = listing([f"{epoch:,}" for epoch in one.strip_epochs])
        caption = f"{BACKENDS[one.backend]}, synthetic: the same latents after epochs {shown}, from above"
        png = figures.picture_png(one.strip, NOTICE)
        yield Picture("epochs", f"epochs-{one.backend}.png", caption, caption, png, one.backend)


def _gallery(results: Results, sides: list[Side]) -> Iterator[Picture]:
    """Images that are worth a look, as the evaluation chose them."""
    shown = {
        "realism": ("the most realistic of the samples by density above, the least realistic below", True),
        "suspects": (
            "the samples that are nearest to training images above, these training images below",
            may_show_real(results),
        ),
    }  # fmt: skip
    for name, (what, may_be_shown) in shown.items():
        for side in sides:
            file = side.picture(name)
            if file and may_be_shown:
                png = figures.picture_png(figures.read_picture(file), NOTICE)
                caption = f"{BACKENDS[side.backend]}: {what}"
                yield Picture("gallery", f"{name}-{side.backend}.png", caption, caption, png, side.backend)


def may_show_real(results: Results) -> bool:
    """Phantoms are ours to show; NIH images with their attribution; a folder's images are nobody's to publish."""
    return source(results) == "phantom" or (source(results) == "nih" and bool(results.manifest.attribution))


def source(results: Results) -> str:
    """Where the images of an experiment come from: phantom, nih or folder; nothing where it is not known."""
    return str(results.manifest.config.get("data", {}).get("source", ""))
