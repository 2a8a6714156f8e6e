"""Memory of this process on the host: the most so far, now, and how it grows."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

import psutil

from cxrbench.measure.statistics import Interval, slope

STATUS = Path("/proc/self/status")


def peak_host_memory() -> int:
    """Largest resident set of this process so far, in bytes.

    Taken from Linux's VmHWM: `getrusage` would count what the parent had when it started this process.
    """
    if STATUS.exists():
        for line in STATUS.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def resident() -> int:
    """Resident set of this process now, in bytes."""
    return psutil.Process().memory_info().rss


def growth(steps: Sequence[int], resident: Sequence[int]) -> Interval:
    """Bytes per 1,000 steps by which ``resident`` (bytes, read after so many ``steps``) grows, with its 95 % interval.

    A leak is an interval wholly above 0. To be read after the warm-up, evenly over the run. One pool allocated on the
    way does not move the lower bound above 0, but a pool that fills for most of the run looks like a leak.
    """
    return Interval(*(1000.0 * value for value in slope(steps, resident)))
