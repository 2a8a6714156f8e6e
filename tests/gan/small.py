"""The smallest experiment that has everything: 16x16 images, every stabilisation on."""

from __future__ import annotations

import numpy as np

from cxrbench import backends
from cxrbench.config import Config
from cxrbench.configfile import load_config
from cxrbench.gan.dcgan import DCGAN
from cxrbench.gan.step import build_step

SMALL = [
    "name=small",
    "data.image_size=16",
    "data.count=48",
    "data.test_share=0.3334",  # 16 held out, 32 to train with
    "model.base_size=4",
    "model.generator_width=8",
    "model.discriminator_width=4",
    "model.latent_dim=6",
    "train.batch_size=4",
    "sample.count=6",
]


def small_config(*settings: str) -> Config:
    return load_config("smoke", [*SMALL, *settings])


def images(config: Config, step: int) -> np.ndarray:
    """A batch that is the same on every machine: integers only."""
    size = config.data.image_size
    shape = (config.train.batch_size, size, size, 1)
    return (np.arange(np.prod(shape)).reshape(shape) * 7919 * (step + 1) % 251).astype(np.uint8)


class Small:
    """The network and its compiled step, run on ``images``."""

    def __init__(self, config: Config, calls: int = 10):
        self.config = config
        self.engine = backends.active()
        self.engine.configure(config.compute)
        self.gan = DCGAN(config, self.engine)
        self.step = build_step(self.gan, config, self.engine)
        self.compiled = self.engine.compile(self.step, self.gan.state, calls)

    def run(self, steps: int, first: int = 0, compiled: bool = True) -> np.ndarray:
        """The metrics of each step, (steps, 5)."""
        from keras import ops

        function = self.compiled if compiled else self.step
        rows = []
        for number in range(first, first + steps):
            batch = self.engine.to_device(images(self.config, number))
            rows.append(ops.convert_to_numpy(function(batch, self.engine.to_device(np.int32(number)))))
        return np.array(rows)

    def weights(self) -> list[np.ndarray]:
        from keras import ops

        return [ops.convert_to_numpy(variable.value).copy() for variable in self.gan.state]
