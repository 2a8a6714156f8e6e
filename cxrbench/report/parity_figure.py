"""The figure of a proof: the losses of all backends on one another, and how far they differ, step by step."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from numpy.typing import NDArray

from cxrbench.parity.bounds import BOUNDS, FIRST_STEPS
from cxrbench.parity.result import Parity
from cxrbench.report.figures import INK, LINES, WIDTH, dress
from cxrbench.report.wording import BACKENDS, COLOURS

HEIGHT = 6.2
FLOOR = 1e-17  # what is equal to the bit is drawn here: a logarithm has no 0
LOWEST, HEADROOM = 2e-18, 3e3  # the axis ends below the floor, and above the data with room for one line of text
WIDTHS = {"jax": 5.0, "torch": 2.8, "tensorflow": 1.3}  # each lies on the one before and lets it be seen
OPACITY = {"jax": 0.45}
PRECISIONS = {"float32": "#7B3294", "float64": "#3B4656"}  # of no backend
EPSILONS = {"float32": 2.0**-23, "float64": 2.0**-52}
NEVER = "not chaotic within these steps"


def parity_figure(parity: Parity) -> Figure:
    """Both losses in float32, and below them the largest difference of any metric in both precisions."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=(1, 1, 2))
    curves = parity.curves["float32"]
    _losses(above, curves.d_loss, "Discriminator loss, float32")
    _losses(middle, curves.g_loss, "Generator loss, float32")
    _differences(below, parity)
    handles, labels = above.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False, fontsize=9, handlelength=3)
    below.set_xlim(0, max(len(one.difference) for one in parity.curves.values()) - 1)
    return figure


def _losses(axes: Axes, curves: dict[str, list[float]], title: str) -> None:
    for backend, values in curves.items():
        axes.plot(
            values,
            color=COLOURS[backend],
            ls=LINES[backend],
            lw=WIDTHS[backend],
            alpha=OPACITY.get(backend, 1.0),
            label=BACKENDS[backend],
        )
    dress(axes, title)


def _differences(axes: Axes, parity: Parity) -> None:
    largest = FLOOR
    for precision, colour in PRECISIONS.items():
        values = _drawable(parity.curves[precision].difference)
        largest = max(largest, values.max())
        axes.plot(values, color=colour, lw=1.4, label=precision)
        axes.axhline(EPSILONS[precision], color=colour, lw=0.7, alpha=0.4)
        _beside(axes, EPSILONS[precision], f"ε {precision}", colour, "bottom")
    for precision, steps in (("float32", FIRST_STEPS), ("float64", parity.float64_steps)):
        limit, colour = BOUNDS[f"losses_{precision}"].limit, PRECISIONS[precision]
        axes.plot(
            [0, steps - 1], [limit, limit], color=colour, lw=2.6, ls=(0, (2, 0.8)), marker="|", ms=9, label="_bound"
        )
        _beside(axes, limit, f"bound {precision}", colour, "center" if precision == "float32" else "top", bold=True)
    axes.set_yscale("log")
    axes.set_ylim(LOWEST, max(largest, 1.0) * HEADROOM)
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_minor_locator(NullLocator())
    _mark_chaos(axes, parity)
    zero = any(value == 0 for precision in PRECISIONS for value in parity.curves[precision].difference)
    axes.set_xlabel("step" + (f"; a difference of exactly 0 is drawn at {FLOOR:g}" if zero else ""))
    dress(axes, "Largest difference of any metric")
    axes.legend(  # at the end of the title's line, where no curve is
        loc="lower right",
        bbox_to_anchor=(1.27, 0.97),
        ncols=2,
        frameon=False,
        fontsize=9,
        handlelength=1.4,
        columnspacing=1.0,
    )


def _drawable(difference: list[float]) -> NDArray[np.float64]:
    return np.maximum(np.array(difference), FLOOR)


def _beside(axes: Axes, height: float, text: str, colour: str, side: str, bold: bool = False) -> None:
    """Right of the axes, on the side of a line that leaves room for its neighbours."""
    where = axes.get_yaxis_transform()
    weight = "bold" if bold else "normal"
    axes.text(1.01, height, text, transform=where, va=side, color=colour, fontsize=8, fontweight=weight)


def _mark_chaos(axes: Axes, parity: Parity) -> None:
    """A line at the step where float32 becomes chaotic, with its label on the side that has more room."""
    step, top = parity.chaotic_from, 0.97
    if step is None:
        axes.text(0.99, top, f"float32: {NEVER}", transform=axes.transAxes, ha="right", va="top", fontsize=9, color=INK)
        return
    axes.axvline(step, color=INK, lw=1.0, ls=(0, (1, 2)), label="_chaos")
    right = step > parity.float32_steps / 2
    axes.annotate(
        f"float32 is chaotic from step {step}",
        (step, top),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if right else 5, 0),
        textcoords="offset points",
        ha="right" if right else "left",
        va="top",
        fontsize=9,
        color=INK,
    )
