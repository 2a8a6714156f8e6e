"""Figures of image quality: gray levels, power spectra, and where images lie in a space of features."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cxrbench.quality.registry import find
from cxrbench.quality.spaces import label_of
from cxrbench.report.courses import LEADING, Training, floor
from cxrbench.report.figures import INK, LINES, WIDTH, dress
from cxrbench.report.stages import FeatureMap, Histograms, Spectra
from cxrbench.report.wording import BACKENDS, COLOURS, metric_label

PROGRESS_TITLES = {
    "finest_sliced_wasserstein": "Texture: sliced Wasserstein, finest band",
    "intensity_wasserstein": "Exposure: Wasserstein-1 of gray levels",
}


def histograms(counts: dict[str, Histograms]) -> dict[str, Figure]:
    """Share of pixels by gray level, generated over held-out real: one figure per backend, on one scale."""
    shares = {
        backend: [np.array(bins) / sum(bins) * 100 for bins in (pair.reference, pair.generated)]
        for backend, pair in counts.items()
    }
    top = max((np.percentile(share, 99) for pair in shares.values() for share in pair), default=1.0)
    drawn = {}
    for backend, (real, made) in shares.items():
        drawn[backend] = figure = Figure(figsize=(WIDTH, 2.7), layout="constrained")
        axes = figure.subplots()
        axes.fill_between(range(256), real, step="mid", color=COLOURS["real"], alpha=0.35, lw=0, label="held-out real")
        axes.step(range(256), made, where="mid", color=COLOURS[backend], lw=1.4, label="generated")
        axes.set_ylim(0, 1.35 * top)  # a tower of pure black may leave the frame; the legend stands free
        axes.set_xlim(0, 255)
        axes.set_xlabel("gray level")
        axes.set_ylabel("% of pixels")
        axes.legend(frameon=False, fontsize=8, ncols=2, loc="upper right")
        dress(axes, BACKENDS[backend])
    return drawn


def progress(curves: dict[str, NDArray[Any]]) -> Figure | None:
    """Quality at fixed latents against the time of training, a panel per metric."""
    curves = {backend: table for backend, table in curves.items() if len(table) > 1}
    if not curves:
        return None
    figure = Figure(figsize=(2 * WIDTH, 3.3), layout="constrained")
    for axes, (column, title) in zip(figure.subplots(1, 2), PROGRESS_TITLES.items(), strict=True):
        for backend, table in curves.items():
            style = {"color": COLOURS[backend], "ls": LINES[backend], "label": BACKENDS[backend]}
            axes.plot(table["train_seconds"] / 60, table[column], lw=1.6, marker=".", ms=4, **style)
        axes.set_yscale("log")
        axes.set_xlabel("minutes of training")
        dress(axes, title)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False, fontsize=8)
    return figure


def course(trainings: list[Training], target: float) -> Figure | None:
    """Quality of the images of all trainings by minutes of training, a panel per distance; real images' in gray."""
    distances = [name for name in dict.fromkeys(name for one in trainings for name in one.course.floor) if find(name)]
    if not distances or all(len(one.course.points) < 2 for one in trainings):
        return None
    figure = Figure(figsize=(2 * WIDTH, 3.3), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(distances), squeeze=False)[0], distances, strict=True):
        axes.axhline(floor(trainings, name), color=COLOURS["real"], lw=4, alpha=0.45, label="real")
        if name == LEADING:
            axes.axhline(target, color=INK, lw=0.8, ls=":")
        for one in trainings:
            measured = [(p.seconds / 60, p.figures[name]) for p in one.course.points if name in p.figures]
            if not measured:
                continue  # evaluated where this network was not at hand
            minutes, values = [at for at, _ in measured], [own.value for _, own in measured]
            style = {"color": COLOURS[one.backend], "ls": LINES[one.backend]}
            if one.main:
                low, high = zip(*(own.ends for _, own in measured), strict=True)
                axes.fill_between(minutes, low, high, color=style["color"], alpha=0.15, lw=0)
                axes.plot(minutes, values, lw=1.8, marker=".", ms=4, label=BACKENDS[one.backend], **style)
            else:
                axes.plot(minutes, values, lw=0.9, alpha=0.7, **style)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("minutes of training")
        dress(axes, metric_label(name))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=4, frameon=False, fontsize=8)
    return figure


def spectra(found: dict[str, Spectra]) -> Figure | None:
    """Power by spatial frequency, every backend over the held-out images."""
    if not found:
        return None
    figure = Figure(figsize=(WIDTH, 3.3), layout="constrained")
    axes = figure.subplots()
    reference = next(iter(found.values())).reference
    cycles = np.arange(1, len(reference) + 1)
    axes.plot(cycles, reference, color=COLOURS["real"], lw=4, alpha=0.45, label="held-out real")
    for backend, pair in found.items():
        axes.plot(cycles, pair.generated, color=COLOURS[backend], ls=LINES[backend], lw=1.6, label=BACKENDS[backend])
    axes.set_xscale("log")
    axes.set_xlabel("cycles per image side (on the right the finest: a checkerboard shows there as a peak)")
    axes.set_ylabel("power, dB")
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    dress(axes, "Power spectrum")
    return figure


def feature_maps(found: dict[str, FeatureMap]) -> Figure | None:
    """Real and generated images on the plane of the held-out images' largest variance, a panel per backend."""
    if not found:
        return None
    figure = Figure(figsize=(1.6 * WIDTH, 2.6), layout="constrained")
    panels = figure.subplots(1, len(found), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (backend, one) in zip(panels, found.items(), strict=True):
        for name, points, colour in (
            ("held-out real", one.reference, COLOURS["real"]), ("generated", one.generated, COLOURS[backend]),
        ):  # fmt: skip
            axes.scatter(*np.array(points).T, s=5, lw=0, color=colour, label=name)
        axes.set_xlabel(f"1st component ({100 * one.explained:.0f} % of the variance in both)")
        axes.legend(frameon=False, fontsize=8, loc="upper right")
        dress(axes, f"{BACKENDS[backend]}, {label_of(one.space)}")
    panels[0].set_ylabel("2nd component")
    return figure
