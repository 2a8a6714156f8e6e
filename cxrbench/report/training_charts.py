"""Live charts of trainings: losses and the discriminator's judgement by step, and quality by minutes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import altair as alt
from numpy.typing import NDArray

from cxrbench.quality.registry import find
from cxrbench.report.charts import Chart, Rows, chart, colour, dash, values
from cxrbench.report.course_words import target_kid
from cxrbench.report.courses import LEADING, floor
from cxrbench.report.figures import INK, averaged, smoothed, suits_logarithms
from cxrbench.report.results import Results
from cxrbench.report.wording import BACKENDS, COLOURS, listing, metric_label, number

MOST_POINTS = 200  # of a curve: as many as a mouse can tell apart
CURVES = {
    "d_loss": "Discriminator loss",
    "g_loss": "Generator loss",
    "d_real": "Discriminator's probability that real images are real",
    "d_fake": "Discriminator's probability that generated images are real",
}


def training_charts(results: Results, losses: dict[str, NDArray[Any]]) -> Iterator[Chart]:
    """Losses and what the discriminator holds for real, then every distance that was followed through the trainings."""
    begun = {backend: table for backend, table in losses.items() if len(table)}
    for column, title in CURVES.items():
        if begun:
            yield _curve(begun, column, title)
    names = dict.fromkeys(name for one in results.courses for name in one.course.floor)
    for name in names:
        if find(name) and any(len(one.course.points) > 1 for one in results.courses):
            yield _course(results, name)


def _curve(curves: dict[str, NDArray[Any]], column: str, title: str) -> Chart:
    span, logarithmic = max(1, max(len(table) for table in curves.values()) // 40), suits_logarithms(curves, column)
    rows: Rows = []
    for backend, table in curves.items():
        every = slice(None, None, max(1, len(table) // MOST_POINTS))
        smooth = smoothed(table[column], span, logarithmic)[every]
        rows += [
            {"backend": BACKENDS[backend], "step": int(step), "value": float(value)}
            for step, value in zip(table["step"][every], smooth, strict=True)
        ]
    x = alt.X("step:Q", title=f"step ({averaged(span, logarithmic)})")
    scale = alt.Scale(type="log", nice=False) if logarithmic else alt.Scale(nice=False, zero=False)
    y = alt.Y("value:Q", title=title, scale=scale)
    line = values(rows).mark_line(strokeWidth=1.8).encode(x=x, y=y, color=colour(curves), strokeDash=dash(curves))
    alt_text = f"{title} by training step, {listing([BACKENDS[one] for one in curves])}"
    layers = [line, _pointed(rows, x, y, curves, [alt.Tooltip("step:Q"), alt.Tooltip("value:Q", format=".4f")])]
    return chart("losses", f"{column}.png", alt_text, layers, 260, curves)


def _course(results: Results, name: str) -> Chart:
    rows: Rows = [
        {
            "backend": BACKENDS[one.backend],
            "training": f"{BACKENDS[one.backend]}, seed {one.seed}",
            "minutes": point.seconds / 60,
            "epoch": point.epoch,
            "images": point.step * one.batch_size,
            "value": figure.value,
            "low": figure.ends[0],
            "high": figure.ends[1],
            "interval": " to ".join(map(number, figure.ends)),
            "width": 2.0 if one.main else 0.9,
        }
        for one in results.courses
        for point in one.course.points
        for figure in [point.figures.get(name)]
        if figure
    ]
    backends = {one.backend for one in results.courses}
    base = values(rows).encode(x=alt.X("minutes:Q", title="minutes of training"), detail="training:N")
    y = alt.Y("value:Q", title=metric_label(name))
    told = [
        alt.Tooltip("training:N"),
        alt.Tooltip("epoch:Q"),
        alt.Tooltip("images:Q", title="images seen", format=","),
        alt.Tooltip("minutes:Q", format=".1f"),
        alt.Tooltip("value:Q", title=metric_label(name), format=".4g"),
        alt.Tooltip("interval:N", title="95 % interval"),
    ]
    layers = [_level(floor(results.courses, name), "real images", COLOURS["real"], 4)]
    if name == LEADING:
        layers.append(_level(target_kid(results), "the aim", INK, 1))
    width = alt.StrokeWidth("width:Q", scale=None)
    main = base.transform_filter("datum.width > 1")
    layers.append(main.mark_area(opacity=0.15).encode(y="low:Q", y2="high:Q", color=colour(backends)))
    layers.append(base.mark_line().encode(y=y, color=colour(backends), strokeDash=dash(backends), strokeWidth=width))
    layers.append(base.mark_circle(size=60).encode(y=y, color=colour(backends), tooltip=told))
    alt_text = f"{metric_label(name)} of every training's images by minutes of training; the table has the times"
    return chart("course", "course.png", alt_text, layers, 260, backends)


def _level(value: float, name: str, colour_of_it: str, width: int) -> alt.Chart:
    rule = alt.Chart(alt.Data(values=[{"level": value, "name": name}])).mark_rule(
        color=colour_of_it, strokeWidth=width, opacity=0.6
    )
    return rule.encode(y="level:Q", tooltip=[alt.Tooltip("name:N"), alt.Tooltip("level:Q", format=".4g")])


def _pointed(rows: Rows, x: alt.X, y: alt.Y, backends: Any, told: list[alt.Tooltip]) -> alt.Chart:
    """The points nearest to the mouse, one per curve."""
    near = alt.selection_point(nearest=True, on="pointermove", clear="pointerout", fields=["step"], empty=False)
    size = alt.condition(near, alt.value(60), alt.value(0))
    points = values(rows).mark_circle().encode(x=x, y=y, color=colour(backends), size=size)
    return points.encode(tooltip=[alt.Tooltip("backend:N"), *told]).add_params(near)
