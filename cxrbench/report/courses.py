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


def reached(course: Course, metric: str, target: float) -> Point | None:
    """The first point at which a figure, lower being better, is at most ``target``, as MLPerf stops its clock."""
    return next((one for one in course.points if metric in one.figures and one.figures[metric].value <= target), None)


def best(course: Course, metric: str) -> Point | None:
    """The point at which a figure, lower being better, is least."""
    measured = [one for one in course.points if metric in one.figures]
    return min(measured, key=lambda one: one.figures[metric].value, default=None)


def floor(trainings: list[Training], metric: str) -> float:
    """What real images score at the same N, at least 0: that of any training of which it was measured."""
    return next((max(one.course.floor[metric], 0.0) for one in trainings if metric in one.course.floor), 0.0)


def apart(trainings: list[Training], metric: str) -> dict[str, Literal["worse", "better"]]:
    """The backends whose curve lies outside the band of the others, and on which side: lower is better.

    At a point the band reaches from the lowest to the highest end of the others' intervals, whatever their seeds; a
    backend is outside where its own interval does not touch it. It is named where that is so at more than half of the
    points that all have in common, three or more, and never on the other side.
    """
    figures = {
        id(one): {p.step: p.figures[metric] for p in one.course.points if metric in p.figures} for one in trainings
    }
    steps = set.intersection(*(set(own) for own in figures.values())) if figures else set()
    found: dict[str, Literal["worse", "better"]] = {}
    for one in trainings:
        others = [figures[id(other)] for other in trainings if other.backend != one.backend]
        if not one.main or not others:
            continue
        own = figures[id(one)]
        above = sum(own[step].ends[0] > max(other[step].ends[1] for other in others) for step in steps)
        below = sum(own[step].ends[1] < min(other[step].ends[0] for other in others) for step in steps)
        if len(steps) >= FEWEST and min(above, below) == 0 and max(above, below) > APART * len(steps):
            found[one.backend] = "worse" if above > below else "better"
    return found
