"""The hand-written peer of the engine, from the same initial weights as ours."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from cxrbench import backends
from cxrbench.config import Config
from cxrbench.gan.dcgan import DCGAN
from cxrbench.native import peer_module


class Native:
    """A peer that draws its own random numbers, by its framework's functions."""

    def __init__(self, config: Config, images: NDArray[np.uint8], mode: str):
        self.images = images
        self.module = peer_module(keras.backend.backend())
        gan = DCGAN(config)
        weights = [*gan.generator.variables, *gan.discriminator.variables]
        initial = {variable.path: np.array(keras.ops.convert_to_numpy(variable.value)) for variable in weights}
        self.peer = self.module.Peer(config, initial, mode)
        self._done = 0
        self._last: Any = None

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self._last = self.peer.step(self.module.to_device(self.images[self._done % len(self.images)]))
            self._done += 1

    def wait(self) -> None:
        backends.active().synchronize(self._last)

    def metrics(self) -> NDArray[Any]:
        return keras.ops.convert_to_numpy(self._last)

    def describe(self) -> str:
        return self.peer.describe()
