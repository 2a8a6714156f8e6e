"""The shared step, compiled by the backend."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray

from cxrbench.config import Config
from cxrbench.gan.dcgan import DCGAN, build_sampler
from cxrbench.gan.randomness import Purpose
from cxrbench.gan.step import build_step


class Ours:
    """The training step and the sampler of one DCGAN."""

    def __init__(self, config: Config, engine: ModuleType, images: NDArray[np.uint8]):
        self.config, self.engine, self.images = config, engine, images
        self.calls = config.bench.assumed_steps
        gan = DCGAN(config, engine)
        self._step = engine.compile(build_step(gan, config, engine), gan.state, self.calls)
        sampler = build_sampler(gan, config, config.train.batch_size, config.sample.seed, Purpose.SAMPLES)
        self._sampler = engine.compile(sampler, gan.sampled.variables, config.sample.count // config.train.batch_size)
        self._done = 0
        self._last: Any = None

    def run(self, steps: int) -> None:
        for _ in range(steps):
            images = self.engine.to_device(self.images[self._done % len(self.images)])
            self._last = self._step(images, self.engine.to_device(np.int32(self._done)))
            self._done += 1

    def wait(self) -> None:
        self.engine.synchronize(self._last)

    def metrics(self) -> NDArray[Any]:
        return ops.convert_to_numpy(self._last)

    def describe(self) -> str:
        return self.engine.describe(self.calls)["compiled"]

    def sample(self, batches: int) -> NDArray[np.uint8]:
        """Draw ``batches`` batches and wait for the last; returns it, (B, H, W, 1)."""
        for number in range(batches):
            images = self._sampler(self.engine.to_device(np.int32(number)))
        self.engine.synchronize(images)
        return ops.convert_to_numpy(images)
