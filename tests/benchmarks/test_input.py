"""The input pipeline alone: how many images a second it delivers, shuffled, from a mapped file."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import islice

import numpy as np

from cxrbench.data.batches import batches
from cxrbench.measure.blocks import block, calibrate

IMAGES_OF = 64 * 2**20  # bytes of images: far more than a cache holds


class Reader:
    """The pipeline, driven in blocks as a training is."""

    def __init__(self, source):
        self.source = source

    def run(self, number: int) -> None:
        for _ in islice(self.source, number):
            pass

    def wait(self) -> None:
        """Nothing is left to wait for: the batches are on the host."""


def test_input(benchmark, config, tmp_path):
    size, train = config.data.image_size, config.train
    count = max(4 * train.batch_size, IMAGES_OF // size**2)
    images = np.lib.format.open_memmap(tmp_path / "images.npy", "w+", np.uint8, (count, size, size))
    images[:] = np.random.default_rng(0).integers(0, 256, (count, size, size), dtype=np.uint8)
    with closing(batches(images, train.batch_size, train.seed)) as source:
        reader = Reader(source)
        number = calibrate(reader, time.perf_counter, least_seconds=config.bench.block_seconds / 4)
        benchmark.pedantic(block, args=(reader, number), rounds=config.bench.blocks, iterations=1)
    benchmark.extra_info["images"] = number * train.batch_size
