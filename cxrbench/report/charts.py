"""Charts that answer to the mouse: Vega-Lite, embedded in the page, with a still picture where scripts are off.

The numbers of a chart are those of the results, and a figure of Matplotlib shows them wherever no page is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import altair as alt
import vl_convert

from cxrbench.report.figures import FAINT, INK
from cxrbench.report.wording import BACKENDS, COLOURS

Rows = list[dict[str, Any]]
STILL_WIDTH = 560  # pixels, of the still picture; a live one is as wide as its card
DASHES = {"jax": [1, 0], "torch": [5, 2], "tensorflow": [2, 2]}  # told apart without colour, too
STYLE = {
    "background": "#fff",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK, "titleColor": INK, "gridColor": FAINT, "domainColor": FAINT, "tickColor": FAINT,
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": 230,
    },
    "legend": {"labelColor": INK, "labelFontSize": 12, "orient": "top", "title": None},
}  # fmt: skip


@dataclass(frozen=True)
class Chart:
    """One chart of a page: its section, the figure that it stands for (a file's name), what it shows, and its spec."""

    part: str
    instead_of: str
    alt: str
    spec: dict[str, Any]

    @property
    def text(self) -> str:
        """The spec as JSON that no script element can be ended by."""
        return json.dumps(self.spec, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")

    @property
    def still(self) -> str:
        """As SVG, without the points that are seen under a mouse alone and would be most of it."""
        params = self.spec.get("params", [])
        pointed = {view for one in params if "select" in one for view in one["views"]}
        seen = {
            "params": [one for one in params if "select" not in one],
            "layer": [layer for layer in self.spec["layer"] if layer.get("name") not in pointed],
        }
        return str(vl_convert.vegalite_to_svg(self.spec | seen | {"width": STILL_WIDTH}))


@cache
def script() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script that loads nothing."""
    return str(vl_convert.javascript_bundle())  # type: ignore[call-arg]  # its stub knows no defaults


def chart(
    part: str, instead_of: str, alt_text: str, layers: list[alt.Chart], height: int, backends: Iterable[str]
) -> Chart:
    """Layers of one view, with a checkbox per backend that hides it."""
    shown = [name for name in BACKENDS if name in set(backends)]
    boxes: list[alt.Parameter] = []
    if len(shown) > 1:  # by layer: those with data of their own would not inherit it
        boxes = [alt.param(name=one, value=True, bind=alt.binding_checkbox(name=f"{BACKENDS[one]} ")) for one in shown]
        hidden = " || ".join(f"(datum.backend === '{BACKENDS[name]}' && !{name})" for name in shown)
        layers = [layer.transform_filter(f"!({hidden})") if _of_backends(layer) else layer for layer in layers]
    view = alt.layer(*layers).properties(width="container", height=height).add_params(*boxes)
    return Chart(part, instead_of, alt_text, view.to_dict() | {"config": STYLE})


def _of_backends(layer: alt.Chart) -> bool:
    return "backend" in layer.data.values[0]


def values(rows: Rows) -> alt.Chart:
    """A chart of rows, which name their backend as a reader does."""
    return alt.Chart(alt.Data(values=rows))


def colour(backends: Iterable[str]) -> alt.Color:
    """Each backend in its own, the same everywhere in a report."""
    return alt.Color("backend:N", scale=_scale(backends, COLOURS))


def dash(backends: Iterable[str]) -> alt.StrokeDash:
    return alt.StrokeDash("backend:N", scale=_scale(backends, DASHES))


def _scale(backends: Iterable[str], found: dict[str, Any]) -> alt.Scale:
    shown = [name for name in BACKENDS if name in set(backends)]
    return alt.Scale(domain=[BACKENDS[name] for name in shown], range=[found[name] for name in shown])
