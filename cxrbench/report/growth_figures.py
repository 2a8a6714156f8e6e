"""How time and memory grow with the size of the images and of the batch, where a report has several settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from cxrbench.report.figures import LINES, WIDTH, dress
from cxrbench.report.results import OURS, Record, Results
from cxrbench.report.wording import COLOURS, backend_and_variant, metric_label, scale
from cxrbench.variants import FIT, FIT_XLA

MARKERS = {OURS: "o", FIT: "s", FIT_XLA: "X"}
NATIVE_MARKERS = ("^", "v", "D", "P")


class Axis(NamedTuple):
    """What grows to the right, what stays the same along a line, and how a place is called."""

    label: str
    place: Callable[[Record], int]
    fixed: Callable[[Record], int]
    name: Callable[[Record], str]


AXES = (
    Axis("image size", lambda one: one.image_size, lambda one: one.batch_size, lambda one: f"{one.image_size}"),
    Axis("batch size", lambda one: one.batch_size, lambda one: one.image_size, lambda one: f"{one.batch_size}"),
)
BOTH = Axis(
    "image and batch size",
    lambda one: one.image_size,
    lambda one: 0,
    lambda one: f"{one.image_size}x{one.image_size}\nbatch {one.batch_size}",
)


def growth(results: Results, metric: str) -> Figure | None:
    """One metric on log-log axes, a line per backend and variant; step times are shown per image.

    A panel for each of image size and batch size of which there are several while the other stays the same; where
    they change only together, one panel of both.
    """
    records = [record for record in results.records if record.metric == metric]
    drawn = [axis for axis in AXES if _lines(records, axis)] or [axis for axis in [BOTH] if _lines(records, axis)]
    if not drawn:
        return None
    figure = Figure(figsize=(WIDTH * len(drawn), 4.4), layout="constrained")
    panels = figure.subplots(1, len(drawn), squeeze=False)[0]
    for axes, axis in zip(panels, drawn, strict=True):
        _panel(axes, records, axis)
        title = "Time per image" if metric == "step_time" else metric_label(metric)
        dress(axes, f"{title} by {axis.label}")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2 * len(drawn), frameon=False, fontsize=8)
    return figure


def _panel(axes: Axes, records: list[Record], axis: Axis) -> None:
    shown: set[str] = set()
    several = len({one.precision for one in records}) > 1
    factor, unit = scale(records[0].unit, max(_value(one) for one in records))
    for own in _lines(records, axis):
        one = own[0]
        name, ours = backend_and_variant(one) + f", {one.precision}" * several, one.variant == OURS
        axes.plot(
            [axis.place(one) for one in own], [_value(one) * factor for one in own], color=COLOURS[one.backend], ms=5,
            marker=_marker(one, records), ls=LINES[one.backend], lw=2.2 if ours else 1.0, alpha=1.0 if ours else 0.6,
            label=None if name in shown else name,
        )  # fmt: skip
        shown.add(name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    places = {axis.place(one): axis.name(one) for one in records}
    axes.set_xticks([*places], [*places.values()])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(axis.label)
    axes.set_ylabel(unit)


def _lines(records: list[Record], axis: Axis) -> list[list[Record]]:
    """Of each backend and variant the figures that differ in the axis alone, in its order; a single one is no line."""
    lines: dict[tuple[str, str, str, str, int], list[Record]] = {}
    for one in sorted(records, key=axis.place):
        lines.setdefault((one.backend, one.variant, one.device, one.precision, axis.fixed(one)), []).append(one)
    return [own for own in lines.values() if len({axis.place(one) for one in own}) > 1]


def _value(one: Record) -> float:
    return one.value / one.batch_size if one.metric == "step_time" else one.value


def _marker(one: Record, records: list[Record]) -> str:
    if one.variant in MARKERS:
        return MARKERS[one.variant]
    modes = list(dict.fromkeys(r.variant for r in records if r.backend == one.backend and r.variant not in MARKERS))
    return NATIVE_MARKERS[modes.index(one.variant) % len(NATIVE_MARKERS)]
