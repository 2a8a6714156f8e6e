"""Our step and a hand-written peer, given the same weights, images and random numbers."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from cxrbench.gan.step import Draws, build_draws
from cxrbench.native import Draws as PeerDraws
from cxrbench.native import peer_module
from tests.gan.small import Small, images, small_config

# A high learning rate, so that 30 steps take the weights far; the gate closes in some of the steps.
SETTINGS = ("optimizer.learning_rate=0.01", "objective.gate_accuracy=0.6", "train.seed=3")


class Pair:
    """Our step and its peer, from the same initial weights."""

    def __init__(self, mode: str, *settings: str):
        self.ours = Small(small_config(*settings))
        self.native = peer_module(keras.backend.backend())
        networks = (self.ours.gan.generator, self.ours.gan.discriminator)
        weights = {variable.path: numpy(variable) for network in networks for variable in network.variables}
        self.peer = self.native.Peer(self.ours.config, weights, mode)
        self.draws = build_draws(self.ours.config, self.ours.gan.discriminator, self.ours.engine)

    def named(self) -> dict[str, np.ndarray]:
        return {name: numpy(variable) for name, variable in self.ours.gan.named_state.items()}

    def run(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """The metrics of both, (steps, 5) each, with the same random numbers."""
        ours = self.ours.run(steps)
        return ours, np.array([self.peer_step(step) for step in range(steps)])

    def peer_step(self, step: int) -> np.ndarray:
        given = Draws(*self.draws(self.ours.engine.to_device(np.int32(step))))
        draws = PeerDraws(*keras.tree.map_structure(numpy, tuple(given)[: len(PeerDraws._fields)]))
        return numpy(self.peer.step(self.batch(step), draws))

    def batch(self, step: int):
        return self.native.to_device(images(self.ours.config, step))


def numpy(value) -> np.ndarray:
    return np.array(ops.convert_to_numpy(value))


def assert_close(found: np.ndarray, expected: np.ndarray, share: float, name: str) -> None:
    """Within a share of the tensor's largest value."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=share * np.abs(expected).max(), err_msg=name)
