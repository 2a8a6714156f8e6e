"""Two reports of speed and memory, record by record: which of their differences are more than chance.

What is tested is the process: one value each, of which a report has as many as repeats. No test of it can see that the
machine itself was slower on the day of one report; the factor, and what :mod:`cxrbench.report.comparison_words` warns
of, are all there is against that.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from cxrbench.measure.statistics import verdict
from cxrbench.report.results import UNITS, Record

ALPHA = 0.05
SINGLE = 1.1  # of memory, of which one process tells: a reading has no interval, and a smaller change is not told
# Not what follows from another one (images per second from the step time), nor what the machine alone does, nor the
# growth of memory, which has no factor: it is zero or less where nothing leaks.
COMPARED = (
    "step_time", "sampling_throughput", "input_throughput", "import_time", "build_time", "first_step_time",
    "cached_first_step_time", "first_sample_time", "energy", "peak_device_memory", "driver_memory", "peak_host_memory",
)  # fmt: skip
HIGHER_IS_BETTER = tuple(metric for metric in COMPARED if UNITS[metric] == "images/s")
TIMED = tuple(metric for metric in COMPARED if UNITS[metric] in ("s", "images/s"))

Found = Literal["faster", "slower", "less", "more", "cannot be told"]
REGRESSIONS: tuple[Found, ...] = ("slower", "more")
UNTOLD: Found = "cannot be told"


@dataclass(frozen=True)
class Pair:
    """One figure in both reports, and what became of it.

    ``p`` is Welch's, corrected for all that were tested; None where there are too few processes to tell anything, or
    where one process alone tells, as of memory.
    """

    old: Record
    new: Record
    found: Found
    p: float | None

    @property
    def change(self) -> float:
        """The new value over the old one, less 1."""
        return self.new.value / self.old.value - 1


@dataclass(frozen=True)
class Comparison:
    """Every pair, in the order of the metrics and of the old report; and what one of the reports has alone.

    ``untested`` are in both, but without values per process in one of them: reports of earlier versions have none.
    """

    factor: float
    pairs: list[Pair]
    only_old: list[Record]
    only_new: list[Record]
    untested: list[Record]

    @property
    def tested(self) -> list[Pair]:
        return [pair for pair in self.pairs if pair.p is not None]

    @property
    def regressions(self) -> list[Pair]:
        return [pair for pair in self.pairs if pair.found in REGRESSIONS]


def compare(old: list[Record], new: list[Record], factor: float, metrics: tuple[str, ...] = COMPARED) -> Comparison:
    """Put the records of ``metrics`` side by side and test each pair that has values per process.

    Two records are of one thing where backend, variant, device, precision, image size, batch size and metric agree.
    A pair is better or worse where three things hold, and else "cannot be told":

    - the exact Mann-Whitney test over processes has p <= 0.05, whatever the distribution of the times;
    - the medians differ by more than ``factor``: less may be real, but is not worth an alarm;
    - Welch's t test of the logarithms has p <= 0.05 after Holm's correction (1979) for all pairs that are tested.

    Many pairs are tested at once, and one of them soon differs by chance: of equal reports with 11 figures of 5
    processes and a noise of 3 %, more than 15 of 100 do by the exact test alone. That test cannot be corrected: its
    smallest p is then 2 / 252, and Holm asks for 0.05 / 11 of the best pair. Welch's has no such floor. With it, at
    most 2 of 100 equal reports show a regression, and 4 any difference, whether the noise is normal, skewed, of two
    speeds, with heavy tails or far outliers, or shared by the figures of a repeat. The price: 5 % more in one of the 11
    is found nearly always at a normal noise of 1 %, but at 3 % every seventh time: measure more repeats there
    (``tests/report/test_comparison_rates.py``).

    Pairs that have too few processes for the exact test to reach 0.05 are not tested, and so do not count in the
    correction (Tarone 1990).

    Of memory one process tells: it is more or less where it differs by more than ``SINGLE``.

    Args:
        factor: at least 1; 1.02 for 2 %.
    """
    before, now = ({_identity(one): one for one in records if one.metric in metrics} for records in (old, new))
    both = sorted((key for key in before if key in now), key=lambda key: metrics.index(before[key].metric))
    measured = [(before[key], now[key]) for key in both if before[key].values and now[key].values]
    single = [(before[key], now[key]) for key in both if UNITS[before[key].metric] == "bytes"]
    readings = [pair for pair in single if pair not in measured]
    return Comparison(
        factor,
        [*_tested(measured, factor), *(Pair(*pair, _reading(*pair), None) for pair in readings)],
        only_old=[one for key, one in before.items() if key not in now],
        only_new=[one for key, one in now.items() if key not in before],
        untested=[before[key] for key in both if (before[key], now[key]) not in [*measured, *readings]],
    )


def can_tell(old: int, new: int) -> bool:
    """Whether so many processes can show anything at all: the exact test reaches 0.05, and each side has a variance."""
    return min(old, new) >= 2 and smallest_p(old, new) <= ALPHA


def smallest_p(old: int, new: int) -> float:
    """Of the exact two-sided Mann-Whitney test, where all processes of one side are before all of the other."""
    return 2 / math.comb(old + new, old)


def fewest(old: int | None = None) -> int:
    """The fewest new processes that can tell anything beside ``old`` old ones; without it, the fewest on both sides."""
    return next(new for new in range(2, 100) if can_tell(old or new, new))


def _identity(record: Record) -> tuple[str | int, ...]:
    made = (record.device, record.precision, record.image_size, record.batch_size)
    return (record.backend, record.variant, *made, record.metric)


def _tested(measured: list[tuple[Record, Record]], factor: float) -> Iterator[Pair]:
    telling = [can_tell(len(old.values), len(new.values)) for old, new in measured]
    chances = [_welch(old.values, new.values) for (old, new), can in zip(measured, telling, strict=True) if can]
    corrected = iter(_holm(chances))
    for (old, new), can in zip(measured, telling, strict=True):
        p = next(corrected) if can else None
        yield Pair(old, new, _found(old, new, factor) if p is not None and p <= ALPHA else UNTOLD, p)


def _found(old: Record, new: Record, factor: float) -> Found:
    """The exact test and the factor, in the words of the metric."""
    said = verdict(_costs(old), _costs(new), factor, ALPHA)
    if said == UNTOLD or old.metric in TIMED:
        return said
    return "more" if said == "slower" else "less"


def _reading(old: Record, new: Record) -> Found:
    if max(new.value / old.value, old.value / new.value) < SINGLE:
        return UNTOLD
    return "more" if new.value > old.value else "less"


def _costs(record: Record) -> list[float]:
    """One value per process, of which lower is better: seconds per image instead of images per second."""
    return [1 / value for value in record.values] if record.metric in HIGHER_IS_BETTER else record.values


def _welch(old: list[float], new: list[float]) -> float:
    """The two-sided p of Welch's t test (1947) of the logarithms: their noise is a share of the value.

    Two sides without any noise, such as bytes that an allocator counts, are equal or surely not.
    """
    left, right = np.log(old), np.log(new)
    if np.ptp(left) == np.ptp(right) == 0:
        return float(left[0] == right[0])
    one, other = ((side.mean(), side.std(ddof=1), side.size) for side in (left, right))
    return float(stats.ttest_ind_from_stats(*one, *other, equal_var=False).pvalue)


def _holm(chances: list[float]) -> list[float]:
    """The p-values, raised so that those up to 0.05 hold a false one in 5 of 100 cases at most, however they depend."""
    order = np.argsort(chances)
    raised = np.asarray(chances)[order] * np.arange(len(chances), 0, -1)
    corrected = np.empty(len(chances))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return corrected.tolist()
