"""What the shared step is meant to reach on a CPU -> a table of finished words that says what it does reach.

The aims were set before they were measured, for two cores; they are not moved to what was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from cxrbench.report.peers import best_native
from cxrbench.report.results import OURS, Record, Results
from cxrbench.report.standings import Ratio, Standing, ratio, standings
from cxrbench.report.tables import Cell, Table
from cxrbench.report.wording import BACKENDS, number
from cxrbench.variants import FIT, FIT_XLA

CORES = 2
SIZES = ((64, 32), (256, 8))  # image and batch size of each column below
NATIVE_TIME = {"torch": (0.70, 0.65), "tensorflow": (0.85, 0.80), "jax": (0.15, 0.50)}  # ours over it
STOCK_TIME = {
    ("torch", FIT): (0.5, 0.9),
    ("tensorflow", FIT): (0.85, 0.9),
    ("tensorflow", FIT_XLA): (0.15, 0.9),
    ("jax", FIT): (0.15, 0.9),
}
SLOWEST = (1.6, 1.8)  # over the fastest backend
LIMIT_SHARE = (0.6, 0.6)  # of the fastest backend
NATIVE_MEMORY = 1.15


class Aim(NamedTuple):
    """One figure, its interval where it has one, and the most (or the least) that it is meant to be.

    ``note`` is what else a reader should know of the figure.
    """

    what: str
    backend: str
    value: float
    low: float | None
    high: float | None
    bound: float
    most: bool = True
    note: str = ""

    @property
    def reached(self) -> str:
        """In words; within an interval that holds the bound neither can be said."""
        if self.low is not None and self.high is not None and self.low <= self.bound <= self.high:
            return "cannot be told"
        return "reached" if (self.value <= self.bound) == self.most else "not reached"


def aims(results: Results) -> Table:
    """One row per aim; a row of one cell is the head of a setting.

    Empty where no hand-written form was timed, or on another number of cores.
    """
    rows: list[list[Cell]] = []
    cores = {one.machine.get("cores") for one in results.manifest.benchmarks.values()}
    for standing in standings(results) if cores == {CORES} else []:
        sizes = (standing.records[0].image_size, standing.records[0].batch_size)
        if standing.records[0].device == "cpu" and sizes in SIZES and _compared(standing):
            rows.append([Cell(standing.setting)])
            rows += [row(aim) for aim in _of(results, standing, SIZES.index(sizes))]
    return Table([Cell("Aim"), Cell("Aimed at"), Cell("Measured"), Cell("Result")], rows)


def _compared(standing: Standing) -> bool:
    return any(best_native(standing, one.backend) for one in standing.ours)


def _of(results: Results, standing: Standing, place: int) -> Iterator[Aim]:
    for backend, bounds in NATIVE_TIME.items():
        if best := best_native(standing, backend):
            what = f"{BACKENDS[backend]}: step time, ours over {best.variant}"
            yield from _ratio(standing, what, backend, best.variant, bounds[place])
    for (backend, variant), bounds in STOCK_TIME.items():
        what = f"{BACKENDS[backend]}: step time, ours over {variant}"
        yield from _ratio(standing, what, backend, variant, bounds[place])
    yield from _between(results, standing, place)
    for backend in NATIVE_TIME:
        yield from _memory(standing, backend)


def _ratio(standing: Standing, what: str, backend: str, variant: str, bound: float) -> Iterator[Aim]:
    if found := standing.find(backend, variant, "step_time_ratio"):
        yield Aim(what, backend, found.value, found.ci_low, found.ci_high, bound)


def _between(results: Results, standing: Standing, place: int) -> Iterator[Aim]:
    """The backends among themselves, and the fastest against the machine."""
    fastest, slowest = standing.ours[0], standing.ours[-1]
    if len(standing.ours) > 1:
        found: Ratio = ratio(results, slowest, fastest)
        what = f"step time, {BACKENDS[slowest.backend]} (slowest) over {BACKENDS[fastest.backend]} (fastest)"
        yield Aim(what, "", found.value, found.low, found.high, SLOWEST[place])
    if share := standing.find(fastest.backend, OURS, "limit_share"):
        what = f"{BACKENDS[fastest.backend]} (fastest): share of the limit"
        yield Aim(what, fastest.backend, share.value, share.ci_low, share.ci_high, LIMIT_SHARE[place], most=False)


def _memory(standing: Standing, backend: str) -> Iterator[Aim]:
    best = best_native(standing, backend)
    pair: list[Record | None] = [
        standing.find(backend, variant, "peak_host_memory") for variant in (OURS, best.variant if best else "")
    ]
    if best and pair[0] and pair[1]:
        what = f"{BACKENDS[backend]}: peak host memory, ours over {best.variant}"
        yield Aim(what, backend, pair[0].value / pair[1].value, None, None, NATIVE_MEMORY)


def row(aim: Aim) -> list[Cell]:
    """What is aimed at, the bound, what was measured with its interval, and the verdict."""
    ends = "" if aim.low is None or aim.high is None else f"{number(aim.low)} to {number(aim.high)}"
    bound = f"at {'most' if aim.most else 'least'} {number(aim.bound)}"
    beside = "; ".join(part for part in (ends, aim.note) if part)
    return [Cell(aim.what, "", aim.backend), Cell(bound), Cell(number(aim.value), beside), Cell(aim.reached)]
