"""Intervals and verdicts for measured values. The process is the unit: the blocks of one process share its luck.

Memory layout, address randomisation and the machine's mood differ from process to process and stay within one, so
blocks of one process agree with each other better than with the next process (Georges, Buytaert & Eeckhout 2007;
Kalibera & Jones 2013). SciPy is imported where it is used: it would add 40 to 70 MB to a process whose memory is
measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
CONFIDENCE = 0.95

# A verdict's smallest difference that counts. All processes of a report share the machine's mood of that hour, which a
# test over processes cannot see. Simulated with the noise of the report ``speed`` (3 % between processes) and blocks
# that differ by 3 %: two equal variants are told apart in 2 % of comparisons of 12 processes each, and a difference of
# 5 % is found in 86 % of them; of 5 processes in 43 %, and one of 10 % in 96 %. Hence the 12 repeats of ``base.toml``.
FACTOR = 1.03
# Above this spread the processes differ by as much as what is looked for. With that noise 16 % of sets of 5 processes
# are over it; with half of it, on a quiet machine, less than 1 %.
UNSTABLE_SPREAD = 0.05


class Interval(NamedTuple):
    """A value and its 95 % interval, all in the value's unit; ``low`` and ``high`` are nan where none can be given."""

    value: float
    low: float
    high: float


def process_interval(processes: Sequence[Sequence[float]]) -> Interval:
    """Median over processes of each process's median; ``processes[i]`` holds the positive values of process i's blocks.

    On the logarithms: the bootstrap's standard error times Student's quantile with one degree of freedom less than
    processes (Efron & Tibshirani 1993, ch. 12). Processes are drawn, the blocks within them are not drawn again, as
    their noise is in the process's median already (Davison & Hinkley 1997, 3.8). With one process there is no interval.

    Simulated coverage with noise of 1.5 % between processes, 0.3 to 3 % between blocks, with and without one process in
    seven slowed by 8 %: 93 % at 2 processes, 97 % at 3, 97 to 98 % at 5, 94 to 98 % at 6 to 20. The usual percentile
    interval of the hierarchical bootstrap covers 92 to 98 % at 5, but 76 % at 3 and 88 % at 7 where blocks are quiet.
    """
    return _interval(_process_medians(processes))


def ratio_interval(left: Sequence[Sequence[float]], right: Sequence[Sequence[float]]) -> Interval:
    """Median over repeats of left / right; ``left[i]`` and ``right[i]`` are blocks of the processes of repeat i.

    The two processes of a repeat ran side by side, so what the machine did to both falls out of their ratio. The
    interval is that of ``process_interval``, of the ratios. Simulated coverage, the machine being another 10 % off in
    each repeat: 92 % at 2 repeats, 97 % at 3, 98 % at 5, 96 % at 10.

    Raises:
        ValueError: the two have different numbers of processes.
    """
    if len(left) != len(right):
        raise ValueError(f"{len(left)} processes cannot be paired with {len(right)}")
    return _interval(_process_medians(left) / _process_medians(right))


def verdict(
    old: Sequence[float], new: Sequence[float], factor: float = FACTOR, alpha: float = 0.05
) -> Literal["faster", "slower", "cannot be told"]:
    """Whether ``new`` is faster than ``old``: times, one per process, lower is better.

    Told apart where an exact two-sided Mann-Whitney U test (Mann & Whitney 1947) gives p < ``alpha`` and the ratio of
    the medians is at least ``factor``. Fewer than 4 processes a side cannot reach p < 0.05, whatever they measure.
    """
    from scipy.stats import mannwhitneyu

    ratio = float(np.median(new) / np.median(old))
    if max(ratio, 1.0 / ratio) < factor or mannwhitneyu(old, new, method="exact").pvalue >= alpha:
        return "cannot be told"
    return "slower" if ratio > 1.0 else "faster"


def spread(processes: Sequence[Sequence[float]]) -> float:
    """Interquartile range of the process medians over their median; above ``UNSTABLE_SPREAD`` they are unstable."""
    low, middle, high = np.percentile(_process_medians(processes), [25.0, 50.0, 75.0])
    return float((high - low) / middle)


def drift(values: Sequence[float]) -> Interval:
    """Change from the first to the last of equally spaced values, relative to their median: 0.05 is 5 % more.

    A drift is seen where the interval does not hold 0.
    """
    return Interval(*np.multiply(slope(range(len(values)), values), (len(values) - 1) / np.median(values)).tolist())


def slope(x: Sequence[float], y: Sequence[float]) -> Interval:
    """Median of the slopes between all pairs of points (Theil 1950) and its interval (Sen 1968): outliers move neither.

    The interval holds where the points scatter about the line independently of each other.
    """
    from scipy.stats import theilslopes

    found = theilslopes(y, x, alpha=CONFIDENCE)
    return Interval(float(found.slope), float(found.low_slope), float(found.high_slope))


def _process_medians(processes: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    return np.asarray([np.median(blocks) for blocks in processes], dtype=np.float64)


def _interval(values: NDArray[np.float64]) -> Interval:
    """Of one positive value per process."""
    from scipy.special import stdtrit

    middle = float(np.median(values))
    if values.size < 2:
        return Interval(middle, np.nan, np.nan)
    error = _bootstrap_medians(np.log(values)).std()
    reach = float(np.exp(stdtrit(values.size - 1, 0.5 + CONFIDENCE / 2.0) * error))
    return Interval(middle, middle / reach, middle * reach)


def _bootstrap_medians(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """(RESAMPLES,) medians of samples drawn with replacement."""
    return np.median(np.random.default_rng(0).choice(sample, size=(RESAMPLES, sample.size)), axis=1)
