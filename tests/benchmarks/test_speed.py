"""From import to steady state, in one fresh process. The order counts: what comes first finds nothing warm."""

from __future__ import annotations

import time

import numpy as np
import pytest

from cxrbench.measure.blocks import block, calibrate, warm_up
from cxrbench.measure.energy import EnergyMeter
from cxrbench.variants import OURS

WINDOW = 6  # steps that are compared with as many before: few enough for steps of more than a second


def test_import(benchmark, bench):
    """Importing Keras and its engine, and choosing device and precision."""
    benchmark.pedantic(lambda: bench.engine, rounds=1, iterations=1)


def test_build(benchmark, bench):
    """Making networks, optimizers and initial weights."""
    assert bench.engine
    benchmark.pedantic(lambda: bench.variant, rounds=1, iterations=1)


def test_first_step(benchmark, bench):
    """Tracing, compiling and running one step, from nothing compiled."""
    benchmark.pedantic(block, args=(bench.variant, 1), rounds=1, iterations=1)
    assert np.all(np.isfinite(bench.variant.metrics()[:2]))


def test_step(benchmark, bench):
    """Blocks of steps, one synchronisation each, once the step time is stable."""
    settings, variant = bench.config.bench, bench.variant
    warm = warm_up(variant, time.perf_counter, most_seconds=settings.warmup_seconds, window=WINDOW)
    steps = calibrate(variant, time.perf_counter, least_seconds=settings.block_seconds)
    with EnergyMeter() as meter:
        benchmark.pedantic(block, args=(variant, steps), rounds=settings.blocks, iterations=1)
    benchmark.extra_info |= {
        "steps": steps,
        "warmup_steps": warm.steps,
        "warm": warm.stable,
        "joules": meter.energy.joules,
        "no_energy": meter.energy.reason,
        "engine": bench.engine.describe(settings.assumed_steps) | {"compiled": variant.describe()},
    }
    assert np.all(np.isfinite(variant.metrics()[:2]))


def test_first_sample(benchmark, bench):
    """The first batch of generated images, compiled for it."""
    if bench.name != OURS:
        pytest.skip("the variants differ in training; all of them sample with the generator of ours")
    assert bench.variant
    images = benchmark.pedantic(bench.variant.sample, args=(1,), rounds=1, iterations=1)
    size = bench.config.data.image_size
    assert images.shape == (bench.config.train.batch_size, size, size, 1)


def test_sampling(benchmark, bench):
    """Blocks of generated batches."""
    if bench.name != OURS:
        pytest.skip("the variants differ in training; all of them sample with the generator of ours")
    settings, sampler = bench.config.bench, Sampler(bench.variant)
    sampler.run(1)
    batches = calibrate(sampler, time.perf_counter, least_seconds=settings.block_seconds / 4)
    benchmark.pedantic(block, args=(sampler, batches), rounds=settings.blocks, iterations=1)
    benchmark.extra_info["images"] = batches * bench.config.train.batch_size


class Sampler:
    """The sampler of a variant, driven in blocks as a training is."""

    def __init__(self, variant):
        self.variant = variant

    def run(self, batches: int) -> None:
        self.variant.sample(batches)

    def wait(self) -> None:
        """Nothing is left to wait for: the images are on the host."""
