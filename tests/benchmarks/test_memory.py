"""Memory of one variant, in a process of its own: its peak, and whether it grows."""

from __future__ import annotations

import os
import time

from cxrbench.measure.blocks import block
from cxrbench.measure.memory import peak_host_memory, resident
from cxrbench.measure.nvidia import driver_memory

READINGS = 40  # at most this many, evenly over the steps
LEAST_READINGS = 16  # also where steps are slow: fewer cannot tell a growth from one pool that fills


def test_memory(benchmark, bench):
    """Training as in the speed benchmark, looked at between blocks of steps."""
    variant, seconds = bench.variant, bench.config.bench.memory_seconds
    block(variant, 2)
    started = time.perf_counter()
    block(variant, 3)
    one_step = (time.perf_counter() - started) / 3
    steps = max(1, round(seconds / one_step / READINGS))
    readings, driver = [], []

    def look() -> None:
        block(variant, steps)
        readings.append(resident())
        driver.append(driver_memory(os.getpid()))

    readable = round(seconds / one_step / steps)
    benchmark.pedantic(look, rounds=max(LEAST_READINGS, min(READINGS, readable)), iterations=1)
    benchmark.extra_info |= {
        "steps": [steps * (number + 1) for number in range(len(readings))],
        "resident": readings,
        "peak_host_memory": peak_host_memory(),
        "peak_device_memory": bench.engine.memory(),
        "driver_memory": max((one for one in driver if one is not None), default=None),
    }
