"""The stock way: ``keras.Model.fit``, which waits for its losses by itself."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cxrbench import stock
from cxrbench.config import Config


class Fit:
    """A block is one call of ``fit``, as an epoch is in training."""

    def __init__(self, config: Config, images: NDArray[np.uint8], jit_compile: bool | Literal["auto"]):
        self.images = images
        self.model = stock.build(config, jit_compile)
        self._losses: dict[str, float] = {}

    def run(self, steps: int) -> None:
        self._losses = stock.fit(self.model, self.images, steps)

    def wait(self) -> None:
        """Nothing is left to wait for: ``fit`` returns with its losses on the host."""

    def metrics(self) -> NDArray[Any]:
        """Means over the last block, as Keras reports them; NaN for what it does not."""
        return np.array([self._losses["d_loss"], self._losses["g_loss"], np.nan, np.nan, np.nan])

    def describe(self) -> str:
        return stock.describe(self.model)
