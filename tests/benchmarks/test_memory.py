"""Memory of one variant, in a process of its own: its peak, and whether it grows."""

from __future__ import annotations

import os
import time

from cxrbench.measure.blocks import Subject, block
from cxrbench.measure.memory import peak_host_memory, resident
from cxrbench.measure.nvidia import driver_memory

READINGS = 40  # at most this many, evenly over the steps


def test_memory(benchmark, bench):
    """Training as in the speed benchmark, looked at between blocks of steps."""
    variant, seconds = bench.variant, bench.config.bench.memory_seconds
    block(variant, 2)
    one_step = min(_seconds(variant) for _ in range(3))  # one stall must not leave too few readings to tell a growth
    steps = max(1, round(seconds / one_step / READINGS))
    readings, driver = [], []

    def look() -> None:
        block(variant, steps)
        readings.append(resident())
        driver.append(driver_memory(os.getpid()))

    benchmark.pedantic(look, rounds=max(3, min(READINGS, round(seconds / one_step / steps))), iterations=1)
    benchmark.extra_info |= {
        "steps": [steps * (number + 1) for number in range(len(readings))],
        "resident": readings,
        "peak_host_memory": peak_host_memory(),
        "peak_device_memory": bench.engine.memory(),
        "driver_memory": max((one for one in driver if one is not None), default=None),
    }


def _seconds(variant: Subject) -> float:
    """Of one step."""
    started = time.perf_counter()
    block(variant, 1)
    return time.perf_counter() - started
