"""The harness on an engine whose times are known: what it finds, and that a wrong harness does not find it."""

import numpy as np
import pytest

from cxrbench.measure.blocks import FEWEST_STEPS, OVERHEAD, block, calibrate, warm_up
from cxrbench.measure.statistics import drift
from tests.measure.fake import FakeEngine, VirtualClock


def timed(engine, steps, blocks, harness=block):
    """Seconds per step of each block."""
    found = []
    for _ in range(blocks):
        start = engine.clock()
        harness(engine, steps)
        found.append((engine.clock() - start) / steps)
    return found


def forgets_to_wait(engine, steps):
    engine.run(steps)


def finds_the_step_time(harness):
    """Whether the median of ten blocks of 20 steps is within 2 % of the truth: short steps and long, noisy or not."""
    errors = []
    for seconds in (2e-4, 0.01, 1.5):
        for jitter in (0.0, 0.05):
            engine = FakeEngine(seconds=seconds, jitter=jitter)
            errors.append(np.median(timed(engine, 20, 10, harness)) / seconds - 1.0)
    return bool(np.max(np.abs(errors)) < 0.02)


def test_blocks_find_the_step_time():
    assert finds_the_step_time(block)


def test_a_harness_that_does_not_wait_does_not_find_it():
    assert not finds_the_step_time(forgets_to_wait)


def test_a_slow_first_step_alone_does_not_prolong_the_warm_up():
    engine = FakeEngine(slow=500.0, fade=1e-3, jitter=0.005)
    assert warm_up(engine, engine.clock, most_seconds=60.0, window=10) == (20, True)
    assert engine.done == 20


@pytest.mark.parametrize("seed", range(20))
def test_the_warm_up_ends_after_the_slow_steps_and_says_how_many(seed):
    """The first step takes three times as long; 4 % are left after 31 steps and 2 % after 37."""
    engine = FakeEngine(slow=2.0, fade=8.0, jitter=0.01, seed=seed)
    found = warm_up(engine, engine.clock, most_seconds=60.0, window=10)
    assert found.stable
    assert 40 <= found.steps <= 120
    assert found.steps == engine.done


def test_steady_steps_are_soon_called_stable_although_they_jitter():
    found = []
    for seed in range(50):
        engine = FakeEngine(jitter=0.03, seed=seed)
        found.append(warm_up(engine, engine.clock, most_seconds=60.0, window=10))
    assert all(one.stable for one in found)
    assert np.median([one.steps for one in found]) <= 30


@pytest.mark.parametrize("drifts", [0.01, -0.005])
def test_under_strong_drift_the_warm_up_is_capped_and_not_called_stable(drifts):
    engine = FakeEngine(seconds=0.1, drift=drifts, jitter=0.005)
    found = warm_up(engine, engine.clock, most_seconds=20.0)
    assert not found.stable
    assert 20.0 <= engine.clock.now <= 20.0 + 2 * engine.expected()


def test_a_drift_too_slow_to_part_two_windows_is_still_a_trend():
    """0.15 % per step: the medians of two windows differ by 1.5 %, and the steps in them by 2.9 %."""
    engine = FakeEngine(seconds=0.1, drift=0.0015, jitter=0.002)
    assert not warm_up(engine, engine.clock, most_seconds=20.0, window=10, tolerance=0.02).stable
    engine = FakeEngine(seconds=0.1, drift=0.0002, jitter=0.002)
    assert warm_up(engine, engine.clock, most_seconds=20.0, window=10, tolerance=0.02).stable


def test_steps_longer_than_the_cap_are_run_a_few_times():
    engine = FakeEngine(seconds=100.0)
    assert warm_up(engine, engine.clock, most_seconds=1.0) == (FEWEST_STEPS, False)


@pytest.mark.parametrize(
    ("engine", "at_least"),
    [
        (FakeEngine(seconds=0.01, jitter=0.05), 0.1),
        (FakeEngine(seconds=3e-5, jitter=0.05), 0.1),
        (FakeEngine(seconds=0.01, jitter=0.05, synchronize=5e-4), OVERHEAD * 5e-4),
        (FakeEngine(VirtualClock(tick=1e-3), seconds=0.01, jitter=0.05), OVERHEAD * 1e-3),
    ],
    ids=["usual", "steps short as their enqueuing", "a slow wait", "a coarse clock"],
)
def test_a_block_is_as_long_as_wanted_and_not_much_longer(engine, at_least):
    steps = calibrate(engine, engine.clock, least_seconds=0.1)
    lengths = np.multiply(timed(engine, steps, 40), steps)
    assert np.mean(lengths >= at_least) > 0.9
    assert np.median(lengths) < 1.6 * at_least


def test_a_step_longer_than_a_block_is_a_block():
    engine = FakeEngine(seconds=0.7)
    assert calibrate(engine, engine.clock, least_seconds=0.2) == 1


def test_one_slow_moment_is_not_taken_for_the_length_of_a_block():
    engine = FakeEngine(seconds=0.01, slow=50.0, fade=1e-3)
    assert calibrate(engine, engine.clock, least_seconds=0.2) >= 20


def test_work_left_in_the_queue_is_not_taken_for_the_cost_of_a_wait():
    engine = FakeEngine(seconds=0.01)
    engine.run(1000)
    assert calibrate(engine, engine.clock, least_seconds=0.2) < 50


@pytest.mark.parametrize("seed", range(10))
def test_drift_over_the_blocks_is_seen(seed):
    """2e-4 per step over 12 blocks of 20 steps: from the first block to the last 4.5 %."""
    engine = FakeEngine(drift=2e-4, jitter=0.03, seed=seed)
    found = drift(timed(engine, 20, 12))
    assert found.low > 0.0
    assert found.value == pytest.approx(1.0002 ** (11 * 20) - 1.0, abs=0.02)


def test_drift_is_not_seen_where_there_is_none():
    """A 95 % interval misses 0 by chance in 5 of 100."""
    seen = 0
    for seed in range(100):
        _, low, high = drift(timed(FakeEngine(jitter=0.03, seed=seed), 20, 12))
        seen += low > 0.0 or high < 0.0
    assert seen <= 12
