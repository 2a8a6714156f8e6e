"""Results and pictures -> ``index.html``, ``report.md`` and the PNG files beside them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cxrbench import __version__
from cxrbench.data.nih import ATTRIBUTION
from cxrbench.folders import write_atomically
from cxrbench.pictures import NOTICE
from cxrbench.quality.registry import METRICS
from cxrbench.report import figures, parity_tables, parity_words, tables
from cxrbench.report.gather import Side
from cxrbench.report.headline import NOT_FOR_DIAGNOSIS, headline, ranking
from cxrbench.report.parity_figure import parity_figure
from cxrbench.report.results import HELD_OUT, MEMORY, Results
from cxrbench.report.wording import BACKENDS, COLOURS, interval, listing, metric_label, number, quantity, setting

OWN_PICTURES = (
    "hero", "parity", "step_time", "images_per_second", "peak_*_memory", "?_loss", "histogram-*", "grid-*", "real"
)  # fmt: skip
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
        """As a data URI, so that the page loads nothing."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def write_report(results: Results, sides: list[Side], folder: Path) -> None:
    """Write the page, its Markdown twin and all figures into ``folder``; ``results.json`` is not touched."""
    pictures = draw_pictures(results, sides)
    for picture in pictures:
        (folder / picture.file).write_bytes(picture.png)
    content = _content(results, pictures)
    templates = environment()
    write_atomically(folder / "index.html", templates.get_template("page.html.j2").render(content))
    write_atomically(folder / "report.md", templates.get_template("report.md.j2").render(content))
    _remove_others(folder, {picture.file for picture in pictures})


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Remove the figures that an earlier report of this name had and this one has not."""
    for kind in OWN_PICTURES:
        for old in folder.glob(f"{kind}.png"):
            if old.name not in kept:
                old.unlink()


def environment() -> Environment:
    """The templates of this package: HTML is escaped, and a name that is not given is an error."""
    return Environment(
        loader=PackageLoader("cxrbench.report"),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def draw_pictures(results: Results, sides: list[Side]) -> list[Picture]:
    """Everything for which there is something to draw."""
    grids = {side.backend: figures.read_picture(side.grid) for side in sides if side.grid}
    return [*_parity(results), *_plots(results, sides, grids), *_samples(results, sides, grids)]


def _parity(results: Results) -> Iterator[Picture]:
    if results.parity:
        alt = (
            "Losses of all backends by training step, overlaid, and below them the largest difference of any metric "
            "between two backends on a logarithmic scale; the table below has the bounds"
        )
        png = figures.figure_png(parity_figure(results.parity))
        yield Picture("parity", "parity.png", alt, PARITY_CAPTION, png)


def _plots(results: Results, sides: list[Side], grids: dict[str, NDArray[np.uint8]]) -> Iterator[Picture]:
    def picture(part: str, name: str, figure: Figure | None, alt: str) -> Iterator[Picture]:
        if figure is not None:
            notice = NOTICE if part == "hero" else ""
            yield Picture(part, f"{name}.png", alt, "", figures.figure_png(figure, notice))

    for part, metrics in (("speed", ("step_time", "images_per_second")), ("memory", MEMORY)):
        for metric in metrics:
            alt = f"{metric_label(metric)} of each backend as bars; the table above has the numbers"
            yield from picture(part, metric, figures.bars(results, metric), alt)
    curves = {side.backend: side.losses for side in sides if side.losses is not None}
    for column, title in (("d_loss", "Discriminator loss"), ("g_loss", "Generator loss")):
        alt = f"{title} by training step on a logarithmic scale, all backends overlaid"
        yield from picture("losses", column, figures.loss(curves, column, title), alt)
    counts = {side.backend: side.evaluation.histograms for side in sides if side.evaluation}
    for backend, figure in figures.histograms(counts).items():
        alt = f"Histogram of the gray levels of {BACKENDS[backend]}'s images over that of held-out real images"
        yield from picture("histograms", f"histogram-{backend}", figure, alt)
    shown = listing([BACKENDS[backend] for backend in grids]) or "no backend"
    alt = f"Bars of the time per training step, and grids of synthetic images drawn by {shown}"
    yield from picture("hero", "hero", figures.hero(results, grids), alt)


def _samples(results: Results, sides: list[Side], grids: dict[str, NDArray[np.uint8]]) -> Iterator[Picture]:
    for backend, grid in grids.items():
        name = BACKENDS[backend]
        alt = f"Grid of synthetic images drawn by the generator trained on {name}"
        yield Picture(
            "samples", f"grid-{backend}.png", alt, f"{name}, synthetic", figures.picture_png(grid, NOTICE), backend
        )
    reference = next((side.reference for side in sides if side.reference), None)
    if reference and may_show_real(results):
        kind = "drawn phantoms" if _source(results) == "phantom" else "NIH ChestX-ray14"
        png = figures.picture_png(figures.read_picture(reference))
        caption = f"Held-out images of the data set: {kind}"
        yield Picture("samples", "real.png", f"Grid of held-out images: {kind}", caption, png, "real")


def may_show_real(results: Results) -> bool:
    """Phantoms are ours to show; NIH images with their attribution; a folder's images are nobody's to publish."""
    return _source(results) == "phantom" or (_source(results) == "nih" and bool(results.manifest.attribution))


def _source(results: Results) -> str:
    return str(results.manifest.config.get("data", {}).get("source", ""))


def _content(results: Results, pictures: list[Picture]) -> dict[str, Any]:
    quality = [METRICS[name] for name in METRICS if any(record.metric == name for record in results.records)]
    real = next((record for record in results.records if record.variant == HELD_OUT), None)
    return {
        "results": results,
        "manifest": results.manifest,
        "headline": headline(results),
        "cards": _cards(results),
        "warning": NOT_FOR_DIAGNOSIS,
        "pictures": pictures,
        "gaps": tables.gaps(results),
        "parity": {
            "method": parity_words.method(results),
            "unproven": parity_words.unproven(results),
            "twin": parity_tables.twin(results.parity) if results.parity else "",
            "provenance": parity_tables.provenance(results.parity) if results.parity else "",
        },
        "tables": {
            "parity": parity_tables.bounds(results),
            "speed": tables.speed(results),
            "memory": tables.memory(results),
            "quality": tables.quality(results),
            "timing": tables.timing(results),
            "training": tables.training(results),
            "machines": tables.machines(results),
            "versions": tables.versions(results),
            "environments": tables.environments(results),
            "configuration": tables.configuration(results),
        },
        "metrics": quality,
        "count": real.n if real else None,
        "blocks": listing([str(n) for n in sorted({one.n for one in ranking(results)})]),
        "colours": COLOURS,
        "source": _source(results),
        "attribution": results.manifest.attribution or (ATTRIBUTION if _source(results) == "nih" else None),
        "version": __version__,
    }


def _cards(results: Results) -> list[dict[str, str]]:
    """The few figures of the first screen: one card per ranked backend, fastest first."""
    cards = []
    for record in ranking(results):
        same = {
            other.metric: other
            for other in results.records
            if (other.backend, other.variant, setting(other)) == (record.backend, record.variant, setting(record))
        }
        rate = same.get("images_per_second")
        cards.append(
            {
                "backend": record.backend,
                "name": BACKENDS[record.backend],
                "time": quantity(record.value, record.unit),
                "interval": interval(record),
                "rate": f"{number(rate.value)} images/s" if rate else "",
            }
        )
    return cards
