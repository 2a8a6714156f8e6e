"""The whole training step: the same numbers on every backend, and each stabilisation does what it says."""

from typing import NamedTuple

import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.gan.step import METRICS
from tests.gan.small import Small, small_config

pytestmark = pytest.mark.engine

D_SKIPPED = METRICS.index("d_skipped")


class Recorded(NamedTuple):
    """Metrics by step; how often the gate shut; the sum of all absolute values of weights, statistics and slots."""

    metrics: dict[int, list[float]]
    skips: int
    weights: float


# Recorded from one backend in float64, every stabilisation on, 30 steps at a high learning rate. That all
# three reproduce them to these bounds is the evidence that the three compute the same step.
SETTINGS = (
    'compute.precision="float64"',
    "optimizer.learning_rate=0.01",
    "objective.gate_accuracy=0.6",
    "train.seed=3",
)
RECORDED = Recorded(
    {
        0: [0.6931051193839833, 0.6931283037471635, 0.5000321322610682, 0.4999915528075712, 1.0],
        9: [0.6864082084292807, 0.7370907229118091, 0.4859285150749951, 0.4882823421987630, 0.0],
        29: [1.249546648338963, 0.8604328208772462, 0.4448465172743569, 0.7809021373332261, 0.0],
    },
    skips=2,
    weights=314.5002350696556,
)

# The same with everything that helps small data sets.
FURTHER = (
    'objective.loss="hinge"',
    "objective.label_smoothing=0.0",
    'objective.augmentation=["color", "translation", "cutout"]',
    "objective.gradient_penalty=0.5",
    "objective.average_decay=0.9",
    "model.spectral_norm=true",
    "optimizer.discriminator_rate=2.0",
)
RECORDED_FURTHER = Recorded(
    {
        0: [1.0107800178136475, 0.005496234325533566, 0.5162649347040297, 0.47809533986670094, 1.0],
        9: [1.1546296103347087, -0.6826171697323464, 0.6781763990525043, 0.6109602160243349, 0.0],
        29: [0.926353639325673, 0.06574391769177239, 0.5330567806008851, 0.49114540300877607, 1.0],
    },
    skips=11,
    weights=322.4644963961225,
)


# Moves the weights enough in a few steps for every setting to show.
BASE = ("optimizer.learning_rate=0.01", "objective.label_flip=0.4", "objective.gate_accuracy=1.0")


@pytest.fixture(scope="module")
def usual():
    return Small(small_config(*BASE)).run(6)


@pytest.fixture
def float32():
    """Leave float32 behind for the tests that follow in this process."""
    yield
    backends.active().configure(small_config().compute)


@pytest.mark.usefixtures("float32")
@pytest.mark.parametrize(("settings", "recorded"), [(SETTINGS, RECORDED), (SETTINGS + FURTHER, RECORDED_FURTHER)])
def test_all_backends_reproduce_the_recorded_training_in_float64(settings, recorded):
    small = Small(small_config(*settings))
    metrics = small.run(30)
    assert metrics.dtype == np.float64
    for step, values in recorded.metrics.items():
        np.testing.assert_allclose(metrics[step], values, rtol=1e-10, err_msg=f"step {step}")
    assert metrics[:, D_SKIPPED].sum() == recorded.skips
    total = sum(float(np.abs(weights).sum()) for weights in small.weights())
    assert total == pytest.approx(recorded.weights, rel=1e-10)


def test_compiled_is_the_same_function_as_not_compiled():
    compiled, plain = Small(small_config()), Small(small_config())
    np.testing.assert_allclose(compiled.run(1), plain.run(1, compiled=False), rtol=2e-6, atol=1e-7)
    for left, right in zip(compiled.weights(), plain.weights(), strict=True):
        np.testing.assert_allclose(left, right, atol=5e-5)  # Adam's first steps carry the sign of tiny gradients


def test_a_step_depends_on_its_number_and_images_alone():
    straight, resumed = Small(small_config()), Small(small_config())
    straight.run(4)
    resumed.run(2)
    resumed.run(2, first=2)
    for left, right in zip(straight.weights(), resumed.weights(), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    "setting",
    [
        "objective.label_smoothing=0.0",
        "objective.label_flip=0.0",
        "objective.instance_noise=0.0",
        "objective.generator_updates=1",
        "objective.gate_accuracy=0.51",
        "model.dropout=0.0",
        "train.seed=5",
        'objective.augmentation=["color"]',
        'objective.augmentation=["translation"]',
        'objective.augmentation=["cutout"]',
        "objective.gradient_penalty=1.0",
        "model.spectral_norm=true",
        "optimizer.discriminator_rate=2.0",
        "optimizer.half_life=5",
    ],
)
def test_every_stabilisation_changes_the_training(usual, setting):
    other = Small(small_config(*BASE, setting)).run(6)
    assert np.abs(usual - other).max() > 1e-5


def test_a_hinge_changes_the_training():
    smooth = "objective.label_smoothing=0.0"
    usual, hinge = (Small(small_config(*BASE, smooth, *more)).run(6) for more in ((), ('objective.loss="hinge"',)))
    assert np.abs(usual - hinge).max() > 1e-2


def test_images_are_drawn_from_an_average_of_the_generators_weights_and_statistics():
    small = Small(small_config(*BASE, "objective.average_decay=0.4"))
    expected = [ops.convert_to_numpy(variable.value).astype("float64") for variable in small.gan.generator.variables]
    for step in range(8):
        small.run(1, first=step)
        kept = min(0.4, (1 + step) / (10 + step))
        now = [ops.convert_to_numpy(variable.value) for variable in small.gan.generator.variables]
        expected = [kept * old + (1 - kept) * new for old, new in zip(expected, now, strict=True)]
    found = {variable.path: ops.convert_to_numpy(variable.value) for variable in small.gan.sampled.variables}
    for (path, value), mean, new in zip(found.items(), expected, now, strict=True):
        assert path.startswith("average/")
        np.testing.assert_allclose(value, mean, rtol=1e-4, atol=1e-5, err_msg=path)
        assert np.abs(value - new).max() > 1e-4 or "bias" in path, path


def test_an_average_changes_nothing_of_the_training():
    plain, averaged = (Small(small_config(*BASE, f"objective.average_decay={decay}")) for decay in (0.0, 0.9))
    np.testing.assert_array_equal(plain.run(3), averaged.run(3))
    assert plain.gan.sampled is plain.gan.generator


def test_a_closed_gate_skips_the_discriminator_and_nothing_else():
    small = Small(small_config("objective.gate_accuracy=0.51", "optimizer.learning_rate=0.02"))
    skipped = None
    for number in range(20):
        before = [ops.convert_to_numpy(v.value).copy() for v in small.gan.discriminator.variables]
        moments = [ops.convert_to_numpy(v.value).copy() for v in small.gan.discriminator_optimizer.variables]
        generator = [ops.convert_to_numpy(v.value).copy() for v in small.gan.generator.trainable_variables]
        skipped = small.run(1, first=number)[0, D_SKIPPED]
        if skipped:
            break
    assert skipped == 1.0, "the discriminator was never ahead in 20 steps"
    for value, variable in zip(before, small.gan.discriminator.variables, strict=True):
        np.testing.assert_array_equal(value, ops.convert_to_numpy(variable.value))
    for value, variable in zip(moments, small.gan.discriminator_optimizer.variables, strict=True):
        np.testing.assert_array_equal(value, ops.convert_to_numpy(variable.value))
    changes = [
        np.abs(value - ops.convert_to_numpy(variable.value)).max()
        for value, variable in zip(generator, small.gan.generator.trainable_variables, strict=True)
    ]
    assert min(changes) > 0


@pytest.mark.parametrize("open_gate", [True, False])
def test_the_gate_lets_through_all_or_nothing(open_gate):
    small = Small(small_config())
    variables = small.gan.discriminator.trainable_variables
    gradients = [ops.ones_like(variable.value) for variable in variables]
    touched = [*variables, *small.gan.discriminator_optimizer.variables]

    def apply(condition):
        small.gan.discriminator_optimizer.apply(gradients, variables, condition)
        return ops.zeros(())

    before = [ops.convert_to_numpy(variable.value).copy() for variable in touched]
    small.engine.compile(apply, small.gan.state, 1)(small.engine.to_device(np.bool_(open_gate)))
    for value, variable in zip(before, touched, strict=True):
        same = np.array_equal(value, ops.convert_to_numpy(variable.value))
        assert same == (not open_gate or variable.path.endswith("learning_rate")), variable.path


def test_generator_updates_leave_the_discriminator_alone_and_move_the_statistics():
    small = Small(small_config())
    moving = [v for v in small.gan.generator.variables if "moving" in v.path]
    before = [ops.convert_to_numpy(v.value).copy() for v in moving]
    small.run(1)
    assert int(ops.convert_to_numpy(small.gan.generator_optimizer.iterations)) == 2
    assert int(ops.convert_to_numpy(small.gan.discriminator_optimizer.iterations)) == 1
    assert all(np.abs(ops.convert_to_numpy(v.value) - old).max() > 0 for v, old in zip(moving, before, strict=True))
