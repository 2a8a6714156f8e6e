"""How the step time of one setting moved from report to report."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cxrbench.report.album import Picture
from cxrbench.report.figures import LINES, WIDTH, dress, figure_png
from cxrbench.report.results import OURS, Record, Results
from cxrbench.report.wording import BACKENDS, COLOURS, metric_label, setting

METRIC = "step_time"


def history(newest_first: list[tuple[str, Results]]) -> Picture | None:
    """A picture of the setting that most reports timed ours in; None where no two did.

    Args:
        newest_first: reports by name.
    """
    timed = [(name, results, _ours(results)) for name, results in reversed(newest_first)]
    counts = Counter(setting for _, _, ours in timed for setting in ours)
    shared, count = max(counts.items(), key=lambda one: one[1], default=("", 0))
    if count < 2:
        return None
    own = [
        (f"{name}\n{results.manifest.created[:10]}", ours[shared]) for name, results, ours in timed if shared in ours
    ]
    alt = f"{metric_label(METRIC)} of every backend in {count} reports, by date, with 95 % intervals"
    caption = (
        f"{metric_label(METRIC)}, {shared}; by date. Reports may be of different machines and of other training "
        "settings: see each."
    )
    return Picture("history", "history.png", alt, caption, figure_png(_figure(own)))


def _ours(results: Results) -> dict[str, dict[str, Record]]:
    """Ours by setting and backend."""
    found: dict[str, dict[str, Record]] = {}
    for one in results.records:
        if (one.metric, one.variant) == (METRIC, OURS):
            found.setdefault(setting(one), {})[one.backend] = one
    return found


def _figure(reports: list[tuple[str, dict[str, Record]]]) -> Figure:
    figure = Figure(figsize=(2 * WIDTH, 3.3), layout="constrained")
    axes = figure.subplots()
    for number, (backend, name) in enumerate(BACKENDS.items()):
        own = [(place, one[backend]) for place, (_, one) in enumerate(reports) if backend in one]
        if not own:
            continue
        places = np.array([place for place, _ in own]) + 0.06 * (number - 1)  # beside each other, not upon
        value, low, high = (
            1e3 * np.array(part) for part in zip(*((one.value, *one.ends) for _, one in own), strict=True)
        )
        style: dict[str, Any] = {"color": COLOURS[backend], "ls": LINES[backend], "label": name}
        axes.errorbar(places, value, yerr=[value - low, high - value], marker="o", ms=5, lw=1.4, capsize=3, **style)
    axes.set_xticks(range(len(reports)), [label for label, _ in reports])
    axes.set_ylim(bottom=0)
    axes.set_ylabel("ms")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=3, frameon=False, fontsize=8)
    dress(axes, metric_label(METRIC))
    return figure
