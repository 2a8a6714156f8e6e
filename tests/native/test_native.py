"""The hand-written peers compute the same step as the shared definition, so their times can be compared."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.gan.step import METRICS, Draws, build_draws
from cxrbench.native import Draws as PeerDraws
from cxrbench.native import peer_module
from tests.gan.small import Small, images, small_config

pytestmark = pytest.mark.engine

# A high learning rate, so that 30 steps take the weights far; the gate closes in some of the steps.
SETTINGS = ("optimizer.learning_rate=0.01", "objective.gate_accuracy=0.6", "train.seed=3")
STABILISATIONS = ("label_smoothing", "label_flip", "instance_noise")


@pytest.fixture
def float32():
    """Leave float32 behind for the tests that follow in this process."""
    yield
    backends.active().configure(small_config().compute)


class Pair:
    """Our step and its peer, from the same initial weights."""

    def __init__(self, *settings: str):
        self.ours = Small(small_config(*settings))
        self.native = peer_module(keras.backend.backend())
        networks = (self.ours.gan.generator, self.ours.gan.discriminator)
        weights = {variable.path: numpy(variable) for network in networks for variable in network.variables}
        self.peer = self.native.Peer(self.ours.config, weights)
        self.draws = build_draws(self.ours.config, self.ours.gan.discriminator)

    def named(self) -> dict[str, np.ndarray]:
        return {name: numpy(variable) for name, variable in self.ours.gan.named_state.items()}

    def run(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """The metrics of both, (steps, 5) each, with the same random numbers."""
        ours = self.ours.run(steps)
        return ours, np.array([self.peer_step(step) for step in range(steps)])

    def peer_step(self, step: int) -> np.ndarray:
        given = Draws(*self.draws(self.ours.engine.to_device(np.int32(step))))
        draws = PeerDraws(*keras.tree.map_structure(numpy, tuple(given)))
        return numpy(self.peer.step(self.batch(step), draws))

    def batch(self, step: int):
        return self.native.to_device(images(self.ours.config, step))


def numpy(value) -> np.ndarray:
    return np.array(ops.convert_to_numpy(value))


def assert_close(found: np.ndarray, expected: np.ndarray, share: float, name: str) -> None:
    """Within a share of the tensor's largest value."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=share * np.abs(expected).max(), err_msg=name)


@pytest.mark.usefixtures("float32")
def test_thirty_steps_are_the_same_in_float64():
    pair = Pair('compute.precision="float64"', *SETTINGS)
    objective = pair.ours.config.objective
    assert all(getattr(objective, name) > 0 for name in STABILISATIONS)
    assert objective.generator_updates > 1 and pair.ours.config.model.dropout > 0

    ours, peer = pair.run(30)
    assert peer.dtype == np.float64
    np.testing.assert_allclose(peer, ours, rtol=1e-10)
    skipped = ours[:, METRICS.index("d_skipped")].sum()
    assert 0 < skipped < 30, "the gate must have been open and closed for both to have been compared"

    expected, found = pair.named(), pair.peer.state()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].shape == value.shape, name
        assert_close(found[name], value, 1e-10, name)


def test_ten_steps_are_the_same_in_float32():
    pair = Pair()
    ours, peer = pair.run(10)
    assert peer.dtype == np.float32
    np.testing.assert_allclose(peer, ours, rtol=1e-4)


def test_the_first_step_leaves_the_same_statistics_in_float32():
    """A peer may use other kernels than in float64, and no metric shows a wrong moving variance."""
    pair = Pair()
    pair.run(1)
    found = pair.peer.state()
    for name in (name for name in found if "moving" in name):
        assert_close(found[name], pair.named()[name], 1e-5, name)


def test_without_draws_the_engine_draws_its_own():
    pair = Pair()
    first, second = (numpy(pair.peer.step(pair.batch(0))) for _ in range(2))
    assert np.isfinite(first).all() and np.isfinite(second).all()
    assert (first[:4] != second[:4]).all()
    counts = pair.peer.state()
    assert counts["generator/iterations"] == 2 * pair.ours.config.objective.generator_updates
    assert counts["discriminator/iterations"] == 2 - first[4] - second[4]


def test_no_keras_inside():
    # None in sys.modules forbids the import. (Looking for keras there afterwards would blame us for what
    # `import tensorflow` imports by itself.)
    code = f"import sys; sys.modules['keras'] = None; import cxrbench.native.{keras.backend.backend()}"
    subprocess.run([sys.executable, "-c", code], check=True)
