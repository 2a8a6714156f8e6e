"""The timing harness: blocks of steps with one wait each, the warm-up before them, and how long a block must be.

An engine's `run` returns as soon as the work is enqueued, so a time that does not end in a `wait` is the time of
enqueuing. The clock is handed in: the harness itself is tested on a virtual one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from cxrbench.measure.statistics import drift

Clock = Callable[[], float]  # seconds, and never backwards: time.perf_counter

FEWEST_STEPS = 3  # of any warm-up: the first step compiles, the second may compile again
OVERHEAD = 1000.0  # a block lasts this many times longer than a tick or a wait: they add less than 0.1 % to it
TRIES = 3  # blocks timed per candidate length; the shortest counts, so that one slow moment does not pass for length
MARGIN = 1.2  # aimed above the wanted length, so that faster blocks still reach it


class Subject(Protocol):
    """What is timed."""

    def run(self, steps: int) -> None:
        """Enqueue ``steps`` steps; must not wait for them."""

    def wait(self) -> None:
        """Return when everything enqueued is done."""


class WarmUp(NamedTuple):
    """How many steps were run before the first timed one, and whether the step time was stable by then."""

    steps: int
    stable: bool


def block(subject: Subject, steps: int) -> None:
    """``steps`` steps and one wait: what the harness times, with nothing enqueued before."""
    subject.run(steps)
    subject.wait()


def warm_up(
    subject: Subject, clock: Clock, *, most_seconds: float, window: int = 10, tolerance: float = 0.02
) -> WarmUp:
    """Run single steps, each waited for, until their time is stable or ``most_seconds`` have passed.

    Looked at after every full window of ``window`` steps. Stable means that, over the last two windows, the medians
    differ by no more than ``tolerance`` (relative), and that no trend is seen that amounts to more than that. A
    plateau longer than two windows cannot be told from the end of the warm-up. At least ``FEWEST_STEPS`` are run.
    """
    start = clock()
    times: list[float] = []
    while len(times) < FEWEST_STEPS or clock() - start < most_seconds:
        times.append(_timed(subject, clock, 1))
        whole = len(times) % window == 0
        if whole and len(times) >= 2 * window and _stable(times[-2 * window :], tolerance):
            return WarmUp(len(times), stable=True)
    return WarmUp(len(times), stable=False)


def calibrate(subject: Subject, clock: Clock, *, least_seconds: float) -> int:
    """Steps per block, so that a block lasts ``least_seconds`` and ``OVERHEAD`` ticks of the clock and idle waits.

    Both are measured: a tick is the smallest change seen in successive readings, an idle wait one with nothing
    enqueued. To be called after the warm-up.
    """
    subject.wait()
    wanted = max(least_seconds, OVERHEAD * max(_tick(clock), _idle_wait(subject, clock)))
    steps = 1
    while (took := min(_timed(subject, clock, steps) for _ in range(TRIES))) < wanted:
        # About ten times at most: what a very short block took is mostly ticks and waits.
        steps = math.ceil(steps * MARGIN * wanted / max(took, 0.1 * wanted))
    return steps


def _timed(subject: Subject, clock: Clock, steps: int) -> float:
    start = clock()
    block(subject, steps)
    return clock() - start


def _stable(times: list[float], tolerance: float) -> bool:
    half = len(times) // 2
    earlier, later = np.median(times[:half]), np.median(times[half:])
    trend = drift(times)
    real = trend.low > 0.0 or trend.high < 0.0
    return bool(abs(later / earlier - 1.0) <= tolerance and not (real and abs(trend.value) > tolerance))


def _tick(clock: Clock, ticks: int = 10) -> float:
    """Smallest of ``ticks`` changes between successive readings, in seconds."""
    changes: list[float] = []
    last = clock()
    while len(changes) < ticks:
        now = clock()
        if now > last:
            changes.append(now - last)
        last = now
    return min(changes)


def _idle_wait(subject: Subject, clock: Clock, waits: int = 10) -> float:
    """Median seconds of a wait with nothing enqueued."""
    times = []
    for _ in range(waits):
        start = clock()
        subject.wait()
        times.append(clock() - start)
    return float(np.median(times))
