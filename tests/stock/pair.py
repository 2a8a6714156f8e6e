"""Our DCGAN and the stock one with the same weights, made so that nothing depends on the latents.

Their random numbers differ, so only what needs none can be compared. The first layer of the generator is zero: all
its images are one image, whatever the latents are, until the generator learns.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from cxrbench import stock
from tests.gan.small import Small, images, small_config

CERTAIN = (
    "objective.label_flip=0.0",
    "objective.instance_noise=0.0",
    "model.dropout=0.0",
    "objective.gate_accuracy=1.0",
    "objective.generator_updates=1",
    "optimizer.learning_rate=0.01",
)


class Pair:
    """Weights large enough that a wrong label or a missing update shows in the losses."""

    def __init__(self, *settings: str):
        self.config = small_config(*CERTAIN, *settings)
        self.ours = Small(self.config)
        self.stock = stock.build(self.config)
        generator = np.random.default_rng(0)
        for network, other in networks(self):
            for ours, theirs in zip(network.weights, other.weights, strict=True):
                if ours.path.endswith("moving_variance"):
                    values = generator.uniform(0.5, 2.0, ours.shape)
                elif ours.path.endswith("dense/kernel"):
                    values = np.zeros(ours.shape)
                else:
                    values = generator.normal(0.05, 0.2, ours.shape)
                ours.assign(values)
                theirs.assign(values)
        self.batches = np.stack([images(self.config, number) for number in range(3)])

    def our_losses(self, steps: int) -> np.ndarray:
        """d_loss and g_loss of each step, (steps, 2)."""
        engine, rows = self.ours.engine, []
        for number in range(steps):
            batch = engine.to_device(self.batches[number % len(self.batches)])
            rows.append(ops.convert_to_numpy(self.ours.compiled(batch, engine.to_device(np.int32(number))))[:2])
        return np.array(rows)

    def stock_losses(self, stop: int, start: int = 0) -> np.ndarray:
        """The same of the steps from ``start`` on, each by a ``fit`` of its own."""
        rows = []
        for number in range(start, stop):
            losses = stock.fit(self.stock, self.batches[number % len(self.batches)][None], 1)
            rows.append([losses["d_loss"], losses["g_loss"]])
        return np.array(rows)


def networks(pair: Pair) -> list[tuple[keras.Model, keras.Model]]:
    """(ours, stock) of the generator and of the discriminator."""
    gan = pair.ours.gan
    return [(gan.generator, pair.stock.generator), (gan.discriminator, pair.stock.discriminator)]


def values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [np.array(ops.convert_to_numpy(variable.value)) for variable in variables]


def changed(before: list[np.ndarray], variables: list[keras.Variable]) -> list[bool]:
    """Which of the variables have other values than before."""
    return [not np.array_equal(old, new) for old, new in zip(before, values(variables), strict=True)]
