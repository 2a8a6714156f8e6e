"""The figures of a report, each on a white card, one colour per backend everywhere."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray
from PIL import Image
from scipy.signal import lfilter

from cxrbench.report.results import OURS, Histograms, Record, Results
from cxrbench.report.wording import BACKENDS, COLOURS, LABELS, backend_and_variant, quantity, scale

INK, FAINT = "#1b2430", "#d5dae1"
DOTS_PER_INCH = 144
MOST_POINTS = 1500  # of a curve: more than a page has pixels
LINES = {"jax": "-", "torch": (0, (5, 1.5)), "tensorflow": (0, (1.5, 1))}  # told apart without colour, too
LARGEST_PICTURE = 640  # pixels along a side


def speed(results: Results) -> Figure | None:
    """Bars of step time with intervals, and of images per second beside them."""
    return _bars(results, ("step_time", "images_per_second"), "Training step time and throughput")


def memory(results: Results) -> Figure | None:
    """Bars of the peak memory on the device and on the host."""
    return _bars(results, ("peak_device_memory", "peak_host_memory"), "Peak memory")


def losses(curves: dict[str, NDArray[Any]]) -> Figure | None:
    """Discriminator and generator loss of every backend by step, smoothed on the log scale."""
    curves = {backend: table for backend, table in curves.items() if len(table)}
    if not curves:
        return None
    span = max(1, max(len(table) for table in curves.values()) // 40)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, column, title in zip(
        figure.subplots(1, 2), ("d_loss", "g_loss"), ("Discriminator loss", "Generator loss"), strict=True
    ):
        for backend, table in curves.items():
            every = max(1, len(table) // MOST_POINTS)
            smooth = smoothed(table[column], span)
            axes.plot(table["step"][::every], table[column][::every], color=COLOURS[backend], alpha=0.15, lw=0.7)
            axes.plot(
                table["step"][::every],
                smooth[::every],
                color=COLOURS[backend],
                ls=LINES[backend],
                lw=1.8,
                label=BACKENDS[backend],
            )
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.tick_params(which="minor", labelsize=7)
        axes.set_xlabel("step")
        _dress(axes, title)
    figure.axes[0].legend(frameon=False)
    kind = f"exponential moving average of the log loss, span {span} steps" if span > 1 else "not smoothed"
    figure.supxlabel(f"Bold: {kind}. Faint: each step.", fontsize=8, color=INK)
    return figure


def smoothed(values: NDArray[np.float64], span: int) -> NDArray[np.float64]:
    """Exponential moving average of the logarithms, (N,) float64 above 0; ``span`` as in ``2 / (span + 1)``.

    Averaging on the log scale keeps one spike of a GAN loss from lifting the whole curve.
    """
    weight = 2 / (span + 1)
    logs = np.log(np.maximum(values, 1e-8))
    start = np.array([(1 - weight) * logs[0]])
    return np.exp(lfilter([weight], [1, weight - 1], logs, zi=start)[0])


def histograms(counts: dict[str, Histograms]) -> Figure | None:
    """Share of pixels by gray level: generated against held-out real, one panel per backend."""
    if not counts:
        return None
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    panels = figure.subplots(1, len(counts), sharey=True, squeeze=False)[0]
    for axes, (backend, pair) in zip(panels, counts.items(), strict=True):
        real, made = (np.array(bins) / sum(bins) * 100 for bins in (pair.reference, pair.generated))
        axes.fill_between(range(256), real, step="mid", color=COLOURS["real"], alpha=0.35, lw=0, label="held-out real")
        axes.step(range(256), made, where="mid", color=COLOURS[backend], lw=1.4, label="generated")
        axes.set_ylim(0, 1.15 * max(np.percentile(real, 99), np.percentile(made, 99)))  # pure black may tower above
        axes.set_xlim(0, 255)
        axes.set_xlabel("gray level")
        axes.legend(frameon=False, fontsize=8)
        _dress(axes, BACKENDS[backend])
    panels[0].set_ylabel("% of pixels")
    return figure


def hero(results: Results, grids: dict[str, NDArray[np.uint8]]) -> Figure | None:
    """For the top of a README: step time bars, and under them what each backend's generator draws."""
    records = _of(results, "step_time", ours=True)
    if not records and not grids:
        return None
    figure = Figure(figsize=(9, (1.9 if records else 0) + (3.4 if grids else 0)), layout="constrained")
    heights = [1.9] * bool(records) + [3.4] * bool(grids)
    parts = list(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    if records:
        axes = parts.pop(0).subplots()
        _bar_panel(axes, records)
        _dress(axes, "Time per training step (shorter is better)")
    if grids:
        panels = parts.pop(0).subplots(1, len(grids), squeeze=False)[0]
        for axes, (backend, picture) in zip(panels, grids.items(), strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
            axes.set_axis_off()
            axes.set_title(f"{BACKENDS[backend]}: synthetic", color=COLOURS[backend], fontsize=10, fontweight="bold")
    return figure


def read_picture(path: Path) -> NDArray[np.uint8]:
    """One gray picture, (H, W) uint8, reduced to at most 640 pixels along a side."""
    with Image.open(path) as image:
        gray = image.convert("L")
        gray.thumbnail((LARGEST_PICTURE, LARGEST_PICTURE))
        return np.asarray(gray)


def figure_png(figure: Figure) -> bytes:
    """A figure as PNG on white, with a palette of 256 colours, which halves the file and is not seen."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, facecolor="white")
    with Image.open(buffer) as image:
        return _png(image.convert("RGB").quantize(256, dither=Image.Dither.NONE))


def picture_png(picture: NDArray[np.uint8]) -> bytes:
    """A gray picture, (H, W) uint8, as PNG."""
    return _png(Image.fromarray(picture))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _bars(results: Results, metrics: tuple[str, ...], title: str) -> Figure | None:
    measured = [(metric, records) for metric in metrics if (records := _of(results, metric))]
    if not measured:
        return None
    longest = max(len(records) for _, records in measured)
    figure = Figure(figsize=(9, 1.0 + 0.5 * longest), layout="constrained")
    for axes, (metric, records) in zip(figure.subplots(1, len(measured), squeeze=False)[0], measured, strict=True):
        _bar_panel(axes, records)
        _dress(axes, LABELS[metric])
    figure.suptitle(title, fontsize=11, color=INK, fontweight="bold")
    return figure


def _of(results: Results, metric: str, ours: bool = False) -> list[Record]:
    return [record for record in results.records if record.metric == metric and (record.variant == OURS or not ours)]


def _bar_panel(axes: Axes, records: list[Record]) -> None:
    """Horizontal bars from the top, each with its interval and its value written out."""
    factor, unit = scale(records[0].unit, max(record.value for record in records))
    longest = max(record.ci_high or record.value for record in records) * factor
    for place, record in enumerate(records):
        ours = record.variant == OURS
        value = record.value * factor
        axes.barh(place, value, height=0.62, color=COLOURS[record.backend], alpha=1.0 if ours else 0.55)
        if record.ci_low is not None and record.ci_high is not None:
            ends = [[value - record.ci_low * factor], [record.ci_high * factor - value]]
            axes.errorbar(value, place, xerr=np.maximum(ends, 0), color=INK, capsize=3, lw=1.2)
        end = (record.ci_high or record.value) * factor
        text = quantity(record.value, record.unit, like=max(one.value for one in records))
        axes.text(end + 0.02 * longest, place, text, va="center", color=INK, fontsize=9)
    axes.set_yticks(range(len(records)), [backend_and_variant(record) for record in records])
    axes.invert_yaxis()
    axes.set_xlim(0, longest * 1.3)
    axes.set_xlabel(unit)


def _dress(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=8, color=FAINT)
    axes.xaxis.label.set_fontsize(8)
    axes.yaxis.label.set_fontsize(8)
