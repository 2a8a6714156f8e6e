"""Results and pictures -> ``index.html``, ``report.md`` and the PNG files beside them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cxrbench import __version__
from cxrbench.quality.registry import METRICS
from cxrbench.report import figures, tables
from cxrbench.report.gather import Side
from cxrbench.report.headline import NOT_FOR_DIAGNOSIS, headline, ranking
from cxrbench.report.results import HELD_OUT, Results
from cxrbench.report.wording import BACKENDS, COLOURS, listing, number, quantity, setting
from cxrbench.tasks.folders import write_atomically

NIH_LINK = "https://nihcc.app.box.com/v/ChestXray-NIHCC"
NIH_CITATION = (
    "Wang X, Peng Y, Lu L, Lu Z, Bagheri M, Summers RM. ChestX-ray8: Hospital-scale Chest X-ray Database and "
    "Benchmarks on Weakly-Supervised Classification and Localization of Common Thorax Diseases. CVPR 2017."
)
PLOTS = ("hero", "speed", "memory", "losses", "histograms")


@dataclass(frozen=True)
class Picture:
    """One PNG of the report: its file name, what it shows to who cannot see it, and its caption."""

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
    for name in (*PLOTS, "real", *(f"grid-{backend}" for backend in BACKENDS)):
        (folder / f"{name}.png").unlink(missing_ok=True)  # an earlier report of this name may have had more
    for picture in pictures.values():
        (folder / picture.file).write_bytes(picture.png)
    content = _content(results, pictures)
    templates = environment()
    write_atomically(folder / "index.html", templates.get_template("page.html.j2").render(content))
    write_atomically(folder / "report.md", templates.get_template("report.md.j2").render(content))


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


def draw_pictures(results: Results, sides: list[Side]) -> dict[str, Picture]:
    """Every figure for which there is something to draw, by name."""
    grids = {side.backend: figures.read_picture(side.grid) for side in sides if side.grid}
    curves = {side.backend: side.losses for side in sides if side.losses is not None}
    counts = {side.backend: side.evaluation.histograms for side in sides if side.evaluation}
    drawn = listing([BACKENDS[backend] for backend in grids])
    plots = {
        "hero": (
            figures.hero(results, grids),
            f"Bars of the time per training step, and grids of synthetic images by {drawn or 'no backend'}",
            "Time per training step, and what each generator draws. All images are synthetic.",
        ),
        "speed": (
            figures.speed(results),
            "Bars of training step time and images per second for each backend; the table below has the numbers",
            "Whiskers are 95 % intervals.",
        ),
        "memory": (
            figures.memory(results),
            "Bars of peak memory for each backend; the table below has the numbers",
            "The peak on the device and of the process on the host.",
        ),
        "losses": (
            figures.losses(curves),
            "Curves of the discriminator's and the generator's loss by training step, all backends overlaid",
            "All backends overlaid, on a logarithmic scale.",
        ),
        "histograms": (
            figures.histograms(counts),
            "Histograms of gray levels of generated images over those of held-out real images, one panel per backend",
            "Filled: held-out real images. Line: generated ones.",
        ),
    }
    pictures = {
        name: Picture(f"{name}.png", alt, caption, figures.figure_png(figure))
        for name, (figure, alt, caption) in plots.items()
        if figure is not None
    }
    for backend, grid in grids.items():
        alt = f"Grid of synthetic chest X-ray-like images drawn by the {BACKENDS[backend]} generator"
        caption = f"{BACKENDS[backend]}, synthetic"
        pictures[f"grid-{backend}"] = Picture(f"grid-{backend}.png", alt, caption, figures.picture_png(grid), backend)
    reference = next((side.reference for side in sides if side.reference), None)
    if reference and may_show_real(results):
        kind = "drawn phantoms" if _source(results) == "phantom" else "NIH ChestX-ray14"
        png = figures.picture_png(figures.read_picture(reference))
        alt = f"Grid of 16 held-out images of the training data: {kind}"
        pictures["real"] = Picture("real.png", alt, f"Held-out images of the data set: {kind}", png, "real")
    return pictures


def may_show_real(results: Results) -> bool:
    """Phantoms are ours to show; NIH images with their attribution; a folder's images are nobody's to publish."""
    return _source(results) == "phantom" or (_source(results) == "nih" and bool(results.manifest.attribution))


def _source(results: Results) -> str:
    return str(results.manifest.config.get("data", {}).get("source", ""))


def _content(results: Results, pictures: dict[str, Picture]) -> dict[str, Any]:
    quality = [METRICS[name] for name in METRICS if any(record.metric == name for record in results.records)]
    real = next((record for record in results.records if record.variant == HELD_OUT), None)
    return {
        "results": results,
        "manifest": results.manifest,
        "headline": headline(results),
        "cards": _cards(results),
        "warning": NOT_FOR_DIAGNOSIS,
        "pictures": pictures,
        "grids": [picture for name, picture in pictures.items() if name.startswith("grid-")],
        "tables": {
            "speed": tables.speed(results),
            "memory": tables.memory(results),
            "quality": tables.quality(results),
            "training": tables.training(results),
            "machines": tables.machines(results),
            "versions": tables.versions(results),
            "environments": tables.environments(results),
            "configuration": tables.configuration(results),
        },
        "metrics": quality,
        "count": real.n if real else None,
        "backends": BACKENDS,
        "colours": COLOURS,
        "source": _source(results),
        "nih_link": NIH_LINK,
        "nih_citation": NIH_CITATION,
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
                "rate": f"{number(rate.value)} images/s" if rate else "",
            }
        )
    return cards
