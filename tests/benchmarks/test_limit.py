"""The machine's best rates on the backend in KERAS_BACKEND: what a training step is held against (measure/roofline.py).

The convolutions are those of the experiment's own discriminator, and the same arithmetic without the stride.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
from keras import ops

from cxrbench.measure import machine
from cxrbench.measure.blocks import block, calibrate
from cxrbench.measure.work import FLOPS_PER_MULTIPLY_ADD, layers
from tests.benchmarks.conftest import experiment

ROUND_SECONDS = 0.05
SECONDS = 0.8  # of one benchmark, and never fewer rounds than:
FEWEST_ROUNDS = 4
GEMM_SIZE = {"cpu": 2048, "gpu": 8192}
LARGE = (32, 32, 32, 128)  # B, H, W, C: 17 GFLOP with as many channels out
COPIED = 2**28  # bytes of the array, read and written: far more than most caches hold


class Repeated:
    """A function of resident tensors, called again and again."""

    def __init__(self, engine, function, tensors):
        self.engine, self.tensors = engine, tensors

        def with_token(*inputs):
            """And one value to wait for: some engines wait by bringing the whole tensor to the host."""
            outputs = function(*inputs)
            return outputs, ops.reshape(outputs, (-1,))[:1]

        self.compiled = engine.compile(with_token, [], 1)

    def run(self, steps):
        for _ in range(steps):
            self.outputs = self.compiled(*self.tensors)

    def wait(self):
        self.engine.synchronize(self.outputs[1])


class HostCopy:
    """Copies of an array to another one on the host, with a thread per core."""

    def __init__(self, array):
        cores = machine.machine()["cores"]
        self.pool = ThreadPoolExecutor(cores)
        self.parts = [np.array_split(one, cores) for one in (np.empty_like(array), array)]

    def run(self, steps):
        for _ in range(steps):
            list(self.pool.map(np.copyto, *self.parts))

    def wait(self):
        """Nothing is left to wait for."""


def measure(benchmark, engine, subject, **counted):
    """Time rounds of calls, warm, and leave what one call does beside them."""
    block(subject, 2)
    calls = calibrate(subject, time.perf_counter, least_seconds=ROUND_SECONDS)
    started = time.perf_counter()
    block(subject, calls)
    rounds = max(FEWEST_ROUNDS, round(SECONDS / (time.perf_counter() - started)))
    benchmark.pedantic(block, args=(subject, calls), rounds=rounds, iterations=1)
    benchmark.extra_info |= counted | {"calls": calls, "device": engine.device()}


def numbers(engine, *shape):
    """On the device, in the type that the layers compute in."""
    array = np.random.default_rng(0).standard_normal(shape).astype(keras.config.floatx())
    return ops.cast(engine.to_device(array), keras.config.dtype_policy().compute_dtype)


def pytest_generate_tests(metafunc):
    if "layer" in metafunc.fixturenames:
        own = [one for one in layers(experiment(metafunc.config)) if one.network == "discriminator"]
        found = [one for one in own if one.kind == "convolution"]
        # From one channel no engine is fast, and without the stride it is not the experiment's either.
        cases = [(one, 2) for one in found] + [(one, 1) for one in found[1:]]
        metafunc.parametrize(("layer", "stride"), cases, ids=[f"{one.name}-stride{stride}" for one, stride in cases])


def test_gemm(benchmark, engine):
    size = GEMM_SIZE[engine.device()]
    arrays = [numbers(engine, size, size), numbers(engine, size, size)]
    flops = FLOPS_PER_MULTIPLY_ADD * size**3
    what = f"product of two {size}x{size} matrices"
    measure(benchmark, engine, Repeated(engine, ops.matmul, arrays), kind="gemm", what=what, flops=flops)


def convolution(benchmark, engine, shape, filters, kernel, stride):
    """Forward, of inputs (B, H, W, C)."""
    batch, height, width, channels = shape
    images, weights = numbers(engine, *shape), numbers(engine, kernel, kernel, channels, filters)
    outputs = (height // stride) * (width // stride) * filters

    def convolve(images, weights):
        return ops.conv(images, weights, strides=stride, padding="same", data_format="channels_last")

    measure(
        benchmark,
        engine,
        Repeated(engine, convolve, [images, weights]),
        kind="convolution",
        what=f"{'x'.join(map(str, shape))} -> {filters} channels, kernel {kernel}x{kernel}, stride {stride}",
        flops=FLOPS_PER_MULTIPLY_ADD * batch * outputs * channels * kernel**2,
    )


def test_convolution(benchmark, config, engine, layer, stride):
    """Of the experiment. With stride 1 the inputs have the grid of the outputs, so that the arithmetic is the same."""
    height, width, filters = layer.outputs
    shape = (config.train.batch_size, stride * height, stride * width, layer.inputs[2])
    convolution(benchmark, engine, shape, filters, config.model.kernel_size, stride)


def test_large_convolution(benchmark, engine):
    """The same for every experiment: the rates of small ones are mostly overhead, and no limit."""
    convolution(benchmark, engine, LARGE, LARGE[-1], 4, 1)


def test_copy(benchmark, engine):
    """On a CPU by NumPy: engines allocate what they return, and the kernel's handing out of pages is no copying."""
    array = np.ones(COPIED, np.uint8)
    what = f"{COPIED // 2**20} MiB read and written"
    # On a device negated on the way: a compiler may leave a plain copy out.
    host = engine.device() == "cpu"
    subject = HostCopy(array) if host else Repeated(engine, ops.negative, [engine.to_device(array.view(np.float32))])
    measure(benchmark, engine, subject, kind="copy", what=what, bytes=2 * COPIED)
