"""The figures of the benchmark: bars with every process, and the processes in the order in which they ran."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxrbench.report.figures import FAINT, INK, WIDTH, dress
from cxrbench.report.results import OURS, Process, Record, Results
from cxrbench.report.wording import (
    BACKENDS,
    COLOURS,
    backend_and_variant,
    metric_label,
    quantity,
    scale,
    setting,
)
from cxrbench.variants import FIT, FIT_XLA

OTHERS_ALPHA = 0.4  # of what is not ours
HATCH = {OURS: "", FIT: "////", FIT_XLA: "\\\\\\\\"}
NATIVE_HATCH = "...."
Like = tuple[str, str, str, int, int]  # backend, variant, precision, image size, batch size
FEW_BARS = 4  # of so many and fewer each is drawn thicker


def bars(results: Results, metric: str) -> Figure | None:
    """Bars of one metric, a panel per setting: every backend and variant, with intervals and a dot per process."""
    settings: dict[str, list[Record]] = {}
    for record in results.records:
        if record.metric == metric:
            settings.setdefault(setting(record), []).append(record)
    if not settings:
        return None
    heights = [0.95 + (0.42 if len(own) <= FEW_BARS else 0.3) * len(own) for own in settings.values()]
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    panels = figure.subplots(len(settings), 1, height_ratios=heights, squeeze=False)[:, 0]
    for axes, (name, records) in zip(panels, settings.items(), strict=True):
        bar_panel(axes, records)
        dress(axes, metric_label(metric) + (f"\n{name}" if len(settings) > 1 else ""))
    return figure


def bar_panel(axes: Axes, records: list[Record]) -> None:
    """Horizontal bars from the top, each with its interval, its processes and its value written out."""
    factor, unit = scale(records[0].unit, max(record.value for record in records))
    longest = max(_end(record) for record in records) * factor
    for place, record in enumerate(records):
        value, colour, ours = record.value * factor, COLOURS[record.backend], record.variant == OURS
        hatch = HATCH.get(record.variant, NATIVE_HATCH)
        look = {"alpha": 1.0} if ours else {"alpha": OTHERS_ALPHA, "hatch": hatch, "edgecolor": "white", "linewidth": 0}
        axes.barh(place, value, height=0.62, color=colour, **look)
        if record.ci_low is not None and record.ci_high is not None:
            ends = [[value - record.ci_low * factor], [record.ci_high * factor - value]]
            axes.errorbar(value, place, xerr=np.maximum(ends, 0), color=INK, capsize=3, lw=1.2, zorder=3)
        if len(record.values) > 1:
            rows = place + np.linspace(-0.2, 0.2, len(record.values))
            axes.plot(np.multiply(record.values, factor), rows, "o", ms=2.4, mfc="white", mec=INK, mew=0.6)
        text = quantity(record.value, record.unit, like=max(one.value for one in records))
        axes.text(_end(record) * factor + 0.02 * longest, place, text, va="center", color=INK, fontsize=9)
    axes.set_yticks(range(len(records)), [backend_and_variant(one) for one in records])
    axes.invert_yaxis()
    axes.set_xlim(0, longest * 1.3)
    axes.set_xlabel(unit)


def against_like(results: Results) -> dict[Like, list[tuple[Process, tuple[float, float, float]]]]:
    """Every process with the quartiles of its step times, in per cent of the median of its like; one alone has none."""
    like: dict[Like, list[Process]] = {}
    for one in results.processes:
        like.setdefault((one.backend, one.variant, one.precision, one.image_size, one.batch_size), []).append(one)
    found = {}
    for key, own in like.items():
        if len(own) > 1:
            middle = np.median([np.median(one.step_times) for one in own])
            quartiles = [(np.percentile(one.step_times, [25, 50, 75]) / middle - 1) * 100 for one in own]
            found[key] = [(one, (float(a), float(b), float(c))) for one, (a, b, c) in zip(own, quartiles, strict=True)]
    return found


def order(results: Results) -> Figure | None:
    """Each process's step time against the median of its like, by its place: a drift of the machine moves them all."""
    groups = against_like(results)
    if not groups:
        return None
    figure = Figure(figsize=(2 * WIDTH, 3.0), layout="constrained")
    axes = figure.subplots()
    axes.axhline(0, color=FAINT, lw=1)
    for (backend, variant, *_), own in groups.items():
        low, value, high = np.array([quartiles for _, quartiles in own]).T
        colour, ours = COLOURS[backend], variant == OURS
        places = [one.place + 1 for one, _ in own]
        axes.errorbar(
            places, value, yerr=[value - low, high - value], fmt="o", ms=5, color=colour, lw=1,
            mfc=colour if ours else "white", alpha=1.0 if ours else 0.7,
        )  # fmt: skip
    for backend in dict.fromkeys(backend for backend, *_ in groups):
        axes.plot([], [], "o", color=COLOURS[backend], label=BACKENDS[backend])
    axes.plot([], [], "o", color=INK, mfc="white", label="not ours")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=4, frameon=False, fontsize=8)
    axes.set_xlabel("place of the process in the order of running")
    axes.set_ylabel("step time against the\nmedian of its like, %")
    dress(axes, "Drift: median and quartiles of every process")
    return figure


def _end(record: Record) -> float:
    """The farthest that is drawn of a bar."""
    return max([record.ci_high or record.value, *record.values])
