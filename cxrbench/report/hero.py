"""The picture on top of a README: who is fast, and what each generator draws."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cxrbench.pictures import GAP
from cxrbench.report.figures import dress
from cxrbench.report.results import Results
from cxrbench.report.speed_figures import bar_panel
from cxrbench.report.standings import standings
from cxrbench.report.wording import BACKENDS, COLOURS

WIDTH = 9.0  # inches
SIDE = 4  # images along each side of what it shows of a backend


def hero(results: Results, grids: dict[str, NDArray[np.uint8]]) -> Figure | None:
    """For the top of a README: step time bars, and under them what each backend's generator draws."""
    main = next(iter(standings(results)), None)
    records = main.ours if main else []
    heights = []
    corners = {backend: _corner(picture, results) for backend, picture in grids.items()}
    if records:
        heights.append(0.8 + 0.36 * len(records))
    if grids:
        tallest = max(picture.shape[0] / picture.shape[1] for picture in corners.values())
        heights.append(0.4 + tallest * WIDTH / max(len(grids), 2))
    if not heights:
        return None
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
    parts = list(figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
    if main and records:
        axes = parts.pop(0).subplots()
        bar_panel(axes, records)
        where = f" ({main.apart})" if main.apart else ""
        dress(axes, f"Time per training step{where}, shorter is better")
    if grids:
        panels = parts.pop(0).subplots(1, len(grids), squeeze=False)[0]
        for axes, (backend, picture) in zip(panels, corners.items(), strict=True):
            axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
            axes.set_axis_off()
            axes.set_title(f"{BACKENDS[backend]}, synthetic", color=COLOURS[backend], fontsize=10, fontweight="bold")
    return figure


def _corner(picture: NDArray[np.uint8], results: Results) -> NDArray[np.uint8]:
    """The first few images of a grid, the same for every backend, large enough to be looked at."""
    side = SIDE * (results.manifest.config["data"]["image_size"] + GAP) - GAP
    return picture[:side, :side]
