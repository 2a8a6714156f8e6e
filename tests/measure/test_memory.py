"""Memory that is seen: the peak, what is held now, and a leak told from noise."""

import subprocess
import sys

import numpy as np
import pytest

from cxrbench.measure.memory import growth, resident
from tests.measure.fake import FakeEngine

MEGABYTE = 1e6


def readings(engine, count=40, every=25):
    """(steps, resident): ``count`` readings, ``every`` so many steps."""
    steps, held = [], []
    for _ in range(count):
        engine.run(every)
        engine.wait()
        steps.append(engine.done)
        held.append(engine.resident())
    return steps, held


def test_peak_host_memory_sees_an_allocation():
    held = np.ones(500_000_000, dtype=np.uint8)  # a large parent must not count
    script = (
        "import numpy; from cxrbench.measure.memory import peak_host_memory as peak; "
        "before = peak(); block = numpy.ones(200_000_000, dtype='uint8'); print(peak() - before)"
    )
    grown = int(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
    assert 150e6 < grown < 250e6
    assert held.nbytes == 500_000_000


def test_resident_memory_rises_with_an_allocation_and_falls_when_it_is_gone():
    before = resident()
    block = np.ones(200_000_000, dtype=np.uint8)
    assert 150e6 < resident() - before < 250e6
    del block
    assert abs(resident() - before) < 50e6


def test_the_instrument_does_not_load_what_would_be_counted():
    script = "import sys, cxrbench.measure.memory, cxrbench.measure.blocks; print('scipy.stats' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "False"


@pytest.mark.parametrize("seed", range(10))
def test_a_leak_is_found_to_a_tenth(seed):
    """Of 10 kB per step in noise of 0.5 MB: 10 MB per 1,000 steps."""
    found = growth(*readings(FakeEngine(leak=1e4, noise=0.5 * MEGABYTE, seed=seed)))
    assert found.value == pytest.approx(10 * MEGABYTE, rel=0.1)
    assert found.low > 0.8 * found.value


def test_a_leak_that_shows_in_whole_chunks_is_found():
    found = growth(*readings(FakeEngine(leak=1e4, chunk=2_000_000)))
    assert found.value == pytest.approx(10 * MEGABYTE, rel=0.1)
    assert found.low > 0.0


def test_no_leak_is_found_where_there_is_none():
    """A 95 % interval lies above 0 by chance in 2.5 of 100."""
    leaks = sum(growth(*readings(FakeEngine(noise=MEGABYTE, seed=seed), every=2)).low > 0.0 for seed in range(100))
    assert leaks <= 7


def test_memory_that_does_not_move_and_a_pool_allocated_once_are_no_leak():
    steps = list(range(0, 1000, 25))
    assert growth(steps, [500_000_000] * 40) == (0.0, 0.0, 0.0)
    for at in (5, 20, 35):
        assert growth(steps, [500_000_000] * at + [600_000_000] * (40 - at)).low <= 0.0
