"""Results and pictures -> ``index.html``, ``report.md`` and the PNG files beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from cxrbench import __version__
from cxrbench.data.nih import ATTRIBUTION
from cxrbench.folders import write_atomically
from cxrbench.report import (
    aims,
    bench_tables,
    change_tables,
    course_tables,
    limit_tables,
    method_words,
    origin_tables,
    parity_tables,
    parity_words,
    quality_aims,
    tables,
)
from cxrbench.report.album import Picture, draw_pictures, source
from cxrbench.report.charts import script
from cxrbench.report.headline import NOT_FOR_DIAGNOSIS, headline
from cxrbench.report.results import HELD_OUT, OURS, REAL, Results, is_quality
from cxrbench.report.sides import Side
from cxrbench.report.speed_charts import speed_charts
from cxrbench.report.standings import standings
from cxrbench.report.timeline import timelines
from cxrbench.report.training_charts import training_charts
from cxrbench.report.wording import BACKENDS, COLOURS, interval, number, quantity

OWN_PICTURES = (
    "hero", "parity", "step_time", "images_per_second", "peak_*_memory", "growth-*", "order", "?_loss", "d_real",
    "d_fake", "histogram-*", "progress", "course", "spectra", "feature-map", "realism-*", "suspects-*", "grid-*",
    "between-*", "epochs-*", "real",
)  # fmt: skip


def write_report(results: Results, sides: list[Side], folder: Path) -> None:
    """Write the page, its Markdown twin and all figures into ``folder``; ``results.json`` is not touched."""
    lines = timelines(sides)
    pictures = draw_pictures(results, sides, lines)
    for picture in pictures:
        (folder / picture.file).write_bytes(picture.png)
    losses = {side.backend: side.losses for side in sides if side.losses is not None}
    live = [*speed_charts(results), *training_charts(results, losses)]
    content = _content(results, pictures) | {
        "timelines": lines,
        "charts": live,
        "replaced": [one.instead_of for one in live],
        "vega": script() if live else "",
        "same_latents": _same_latents(sides),
    }
    templates = environment()
    write_atomically(folder / "index.html", templates.get_template("page.html.j2").render(content))
    write_atomically(folder / "report.md", templates.get_template("report.md.j2").render(content))
    _remove_others(folder, {picture.file for picture in pictures})


def _same_latents(sides: list[Side]) -> bool:
    """Whether one place in each grid shows what several backends make of one latent: all are samples, or none is."""
    gridded = [bool(side.samples) for side in sides if side.grid]
    return len(gridded) > 1 and len(set(gridded)) == 1


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


def _content(results: Results, pictures: list[Picture]) -> dict[str, Any]:
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
            "trained": parity_tables.trained(results, results.parity) if results.parity else "",
            "provenance": parity_tables.provenance(results.parity) if results.parity else "",
        },
        "tables": {
            "parity": parity_tables.bounds(results),
            "speed": bench_tables.speed(results),
            "aims": aims.aims(results),
            "changes": change_tables.changes(results),
            "start": bench_tables.start(results),
            "memory": bench_tables.memory(results),
            "energy": bench_tables.energy(results),
            "rates": limit_tables.rates(results),
            "steps": limit_tables.steps(results),
            "processes": bench_tables.processes(results),
            "quality": tables.quality(results),
            "quality_aims": quality_aims.quality_aims(results),
            "course": course_tables.time_to_quality(results),
            "timing": origin_tables.timing(results),
            "training": origin_tables.training(results),
            "machines": origin_tables.machines(results),
            "versions": origin_tables.versions(results),
            "environments": origin_tables.environments(results),
            "configuration": origin_tables.configuration(results),
        },
        "metrics": tables.metrics(results),
        "count": real.n if real else None,
        "about": {
            "timing": method_words.timing(results),
            "variants": method_words.VARIANTS,
            "aims": method_words.AIMS,
            "quality_aims": method_words.QUALITY_AIMS,
            "quality": method_words.QUALITY,
            "course": method_words.course(results),
            "changes": method_words.CHANGES,
            "limit": method_words.LIMIT,
        },
        "colours": COLOURS,
        "names": BACKENDS,
        "several": len(results.backends) > 1,
        "several_trained": len(results.manifest.runs) > 1,
        "several_judged": len({record.backend for record in results.records if is_quality(record.metric)} - {REAL}) > 1,
        "source": source(results),
        "attribution": results.manifest.attribution or (ATTRIBUTION if source(results) == "nih" else None),
        "version": __version__,
    }


def _cards(results: Results) -> list[dict[str, str]]:
    """The few figures of the first screen: one card per backend in the main setting, fastest first."""
    cards = []
    for main in standings(results)[:1]:
        for record in main.ours:
            rate = main.find(record.backend, OURS, "images_per_second")
            cards.append(
                {
                    "backend": record.backend,
                    "name": BACKENDS[record.backend],
                    "time": quantity(record.value, record.unit),
                    "interval": interval(record),
                    "where": main.apart,
                    "rate": f"{number(rate.value)} images/s" if rate else "",
                }
            )
    return cards
