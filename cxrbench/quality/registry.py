"""The metrics there are, each one short registered function, and the names of their figures.

The name of a figure carries its protocol, so that two figures of one name can be compared: ``kid_inception``,
``fid_inception_n1000``, ``sliced_wasserstein_64``. A metric that has several is registered under a template:

| in a template     | is                                                                                      |
|-------------------|-----------------------------------------------------------------------------------------|
| `{space}`         | a space of features; `{i}` (in labels `{I}`) the letter that Inception's alone may bear |
| `{band}`          | the side of a band of spatial frequency, in pixels                                      |
| `{n}`             | the number of images in each set                                                        |
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from cxrbench.quality.intervals import Measured
from cxrbench.quality.sets import Against, Sets
from cxrbench.quality.spaces import INCEPTION, PIXELS, label_of

Good = Literal["lower", "higher", "near real"]
Over = Literal["once", "space", "space or pixels", "band", "phantom"]
COARSEST = 16  # pixels: the last band is what is left at this size
PARTS = {"i": "i?", "space": "[a-z0-9_]+?", "band": "[0-9]+", "n": "[0-9]+"}


@dataclass(frozen=True)
class Metric:
    """A registered metric.

    ``against`` says what the images are compared with: the held-out ``reference`` (equal N), all of ``train``, or
    ``itself`` (pairs within the set). ``good`` says how to read the figure. ``about`` is the first paragraph of the
    function's docstring.
    """

    template: str
    label: str
    unit: str
    against: Against
    good: Good
    over: Over
    about: str
    function: Callable[..., Measured]

    def figures(self, sets: Sets) -> Iterator[tuple[str, Callable[[], Measured]]]:
        """Every figure's name, and what computes it."""
        if self.over == "once" or (self.over == "phantom" and sets.anatomist):
            yield self.template.format(n=len(sets.images)), lambda: self.function(sets)
        elif self.over == "band":
            for side in bands(min(sets.images.shape[1:])):
                yield self.template.format(band=side), lambda side=side: self.function(sets, side)  # type: ignore[misc]
        elif self.over != "phantom":
            for space in [*sets.spaces, *([PIXELS.name] if self.over == "space or pixels" else [])]:
                name = self.template.format(i=_letter(space), space=space, n=len(sets.images))
                yield name, lambda space=space: self.function(sets, space)  # type: ignore[misc]


@dataclass(frozen=True)
class Figure:
    """What a name says: the metric, and what a reader calls this figure of it."""

    metric: Metric
    label: str
    rank: tuple[int, int]  # the order in which figures are shown


METRICS: list[Metric] = []


def metric(
    template: str, *, label: str, unit: str, against: Against, good: Good, over: Over = "once"
) -> Callable[[Callable[..., Measured]], Callable[..., Measured]]:
    """Register ``function(sets) -> Measured``, or ``function(sets, space or band)``; its docstring's first paragraph
    is for the reader."""

    def register(function: Callable[..., Measured]) -> Callable[..., Measured]:
        about = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
        METRICS.append(Metric(template, label, unit, against, good, over, about, function))
        return function

    return register


def find(name: str) -> Figure | None:
    """The figure of this name, of whatever space and N; None where no metric has it."""
    figures = [figure for number, one in enumerate(METRICS) if (figure := _figure(one, number, name))]
    return max(figures, key=lambda figure: len(figure.metric.template), default=None)  # the one that leaves least open


def _figure(one: Metric, number: int, name: str) -> Figure | None:
    pattern = re.sub(r"\\{(\w+)\\}", lambda part: f"(?P<{part[1]}>{PARTS[part[1]]})", re.escape(one.template))
    found = re.fullmatch(pattern, name)
    if not found:
        return None
    parts = found.groupdict()
    space, band = parts.get("space") or "", int(parts.get("band") or 0)
    if "i" in parts and parts["i"] != _letter(space):
        return None  # only Inception's features make a KID or FID
    words = {"I": _letter(space).upper(), "space_label": label_of(space), "band": band, "n": parts.get("n")}
    return Figure(one, one.label.format(**words), (number, -band))


def bands(side: int) -> list[int]:
    """The sides of the bands of an image, the finest first: halving down to 16 pixels."""
    found = [side]
    while found[-1] >= 2 * COARSEST:
        found.append((found[-1] + 1) // 2)
    return found


def _letter(space: str) -> str:
    return "i" if space == INCEPTION else ""
