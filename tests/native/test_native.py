"""The hand-written peers compute the same step as the shared definition, so their times can be compared."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from cxrbench import backends
from cxrbench.gan.step import METRICS
from cxrbench.native import MODES
from tests.gan.small import small_config
from tests.native.pair import SETTINGS, Pair, assert_close, numpy

pytestmark = pytest.mark.engine
in_every_mode = pytest.mark.parametrize("mode", MODES[keras.backend.backend()])

STABILISATIONS = ("label_smoothing", "label_flip", "instance_noise")


@pytest.fixture
def float32():
    """Leave float32 behind for the tests that follow in this process."""
    yield
    backends.active().configure(small_config().compute)


@in_every_mode
@pytest.mark.usefixtures("float32")
def test_thirty_steps_are_the_same_in_float64(mode):
    pair = Pair(mode, 'compute.precision="float64"', *SETTINGS)
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


@in_every_mode
def test_ten_steps_are_the_same_in_float32(mode):
    pair = Pair(mode)
    ours, peer = pair.run(10)
    assert peer.dtype == np.float32
    np.testing.assert_allclose(peer, ours, rtol=1e-4)


@in_every_mode
def test_the_first_step_leaves_the_same_statistics_in_float32(mode):
    """A peer may use other kernels than in float64, and no metric shows a wrong moving variance."""
    pair = Pair(mode)
    pair.run(1)
    found = pair.peer.state()
    for name in (name for name in found if "moving" in name):
        assert_close(found[name], pair.named()[name], 1e-5, name)


@in_every_mode
def test_without_draws_the_engine_draws_its_own(mode):
    pair = Pair(mode)
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
