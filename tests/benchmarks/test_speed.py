"""Step time, first-step time and sampling throughput of the backend in KERAS_BACKEND. The order counts: cold first."""

from __future__ import annotations

import numpy as np
from keras import ops

from cxrbench.gan.step import METRICS
from cxrbench.measure.memory import peak_host_memory


def test_first_step(benchmark, bench):
    """Tracing, compiling and running one step, from nothing compiled."""
    metrics = benchmark.pedantic(bench.train, args=(1,), rounds=1, iterations=1)
    assert np.all(np.isfinite(ops.convert_to_numpy(metrics)))


def test_step(benchmark, bench):
    """Blocks of steps, one synchronisation each; memory is read when they are done."""
    settings = bench.config.bench
    bench.train(settings.warmup_steps)
    metrics = benchmark.pedantic(bench.train, args=(settings.steps_per_round,), rounds=settings.rounds, iterations=1)
    benchmark.extra_info |= {
        "steps": settings.steps_per_round,
        "device": bench.engine.device(),
        "engine": bench.engine.describe(settings.assumed_steps),
        "peak_host_memory": peak_host_memory(),
        "peak_device_memory": bench.engine.memory(),
    }
    assert ops.convert_to_numpy(metrics).shape == (len(METRICS),)
    assert np.all(np.isfinite(ops.convert_to_numpy(metrics)))


def test_sampling(benchmark, bench):
    """Blocks of generated batches, compiled beforehand."""
    settings, batch = bench.config.bench, bench.config.train.batch_size
    bench.sample(1)
    images = benchmark.pedantic(bench.sample, args=(settings.steps_per_round,), rounds=settings.rounds, iterations=1)
    benchmark.extra_info["images"] = settings.steps_per_round * batch
    size = bench.config.data.image_size
    assert ops.convert_to_numpy(images).shape == (batch, size, size, 1)
