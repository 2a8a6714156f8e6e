"""Quality along a training: its schema, the time to a quality, and whose curve lies apart from the others'."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cxrbench.parity.result import Finite, Schema

LEADING = "kid_inception"
APART = 0.5  # of the points in common: from this share on a curve lies outside the band of the others
FEWEST = 3  # points in common that say anything


class Figure(Schema):
    """A value and the ends of its 95 % interval, null where there is none."""

    value: Finite
    ci_low: Finite | None
    ci_high: Finite | None

    @property
    def ends(self) -> tuple[float, float]:
        return (
            self.value if self.ci_low is None else self.ci_low,
            self.value if self.ci_high is None else self.ci_high,
        )


class Point(Schema):
    """The images after so many steps, and seconds of training."""

    step: Annotated[int, Field(ge=0)]
    epoch: Annotated[int, Field(ge=0)]
    seconds: Annotated[Finite, Field(ge=0)]
    figures: dict[str, Figure]


class Course(Schema):
    """Every point of one training, of ``n`` images each, and what real images score at the same N."""

    n: Annotated[int, Field(ge=1)]
    floor: dict[str, Finite]
    points: list[Point]


class Training(Schema):
    """The course of one training of a report, by backend and seed; ``main`` is that whose samples it shows."""

    backend: Literal["jax", "torch", "tensorflow"]
    seed: int
    main: bool
    batch_size: Annotated[int, Field(ge=1)]
    course: Course


def along(course: Course, metric: str) -> list[Point]:
    """The points at which a figure was measured, in the order of training."""
    return [one for one in course.points if metric in one.figures]


def reached(course: Course, metric: str, target: float) -> Point | None:
    """The first point at which a figure, lower being better, is at most ``target``, as MLPerf stops its clock."""
    return next((one for one in along(course, metric) if one.figures[metric].value <= target), None)


def best(course: Course, metric: str) -> Point | None:
    """The point at which a figure, lower being better, is least."""
    return min(along(course, metric), key=lambda one: one.figures[metric].value, default=None)


def floor(trainings: list[Training], metric: str) -> float:
    """What real images score at the same N, at least 0: that of any training of which it was measured."""
    return next((max(one.course.floor[metric], 0.0) for one in trainings if metric in one.course.floor), 0.0)


def followed(trainings: list[Training], metric: str) -> list[Training]:
    """The trainings along which a figure was measured at all."""
    return [one for one in trainings if along(one.course, metric)]


def in_common(trainings: list[Training], metric: str) -> list[int]:
    """The steps at which a figure was measured of every training that was followed."""
    steps = [{point.step for point in along(one.course, metric)} for one in followed(trainings, metric)]
    return sorted(set.intersection(*steps)) if steps else []


def apart(trainings: list[Training], metric: str) -> dict[str, Literal["worse", "better"]]:
    """The backends whose curves lie outside the band of the others, and on which side: lower is better.

    At a point the band of a backend reaches from the lowest to the highest end of the intervals of its seeds, and that
    of the others from the lowest to the highest end of theirs; a backend is outside where the two do not touch. It is
    named where that is so at more than half of the points in common, three or more, and never on the other side.
    """
    steps = in_common(trainings, metric)
    bands = _bands(followed(trainings, metric), metric)
    found: dict[str, Literal["worse", "better"]] = {}
    for backend, own in bands.items():
        others = [band for other, band in bands.items() if other != backend]
        if not others or len(steps) < FEWEST:
            continue
        above = sum(own[step][0] > max(band[step][1] for band in others) for step in steps)
        below = sum(own[step][1] < min(band[step][0] for band in others) for step in steps)
        if min(above, below) == 0 and max(above, below) > APART * len(steps):
            found[backend] = "worse" if above > below else "better"
    return found


def _bands(trainings: list[Training], metric: str) -> dict[str, dict[int, tuple[float, float]]]:
    """By backend and step, the lowest and the highest end of the intervals of its seeds."""
    bands: dict[str, dict[int, tuple[float, float]]] = {}
    for one in trainings:
        band = bands.setdefault(one.backend, {})
        for point in along(one.course, metric):
            low, high = point.figures[metric].ends
            lowest, highest = band.get(point.step, (low, high))
            band[point.step] = min(low, lowest), max(high, highest)
    return bands
