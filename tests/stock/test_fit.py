"""``fit`` trains as our step does, and only what is to be trained."""

from typing import NamedTuple

import keras
import numpy as np
import pytest

from cxrbench import backends, stock
from tests.gan.small import images, small_config
from tests.stock.pair import Pair, changed, values

pytestmark = pytest.mark.engine

STEPS = 5


class Trained(NamedTuple):
    """Both after some steps in which the generator stood still, so that no loss depends on a random number."""

    pair: Pair
    before: dict[str, list[np.ndarray]]  # weights of the stock networks
    variance: np.ndarray  # of the generator's first moving variance, after the first step
    ours: np.ndarray  # losses (STEPS, 2)
    theirs: np.ndarray


@pytest.fixture(scope="module")
def trained() -> Trained:
    pair = still(Pair())
    parts = (pair.stock.generator, pair.stock.discriminator)
    before = {network.name: values(network.weights) for network in parts}
    first = pair.stock_losses(1)
    variance = values(pair.stock.generator.weights)[variance_of(pair)]
    return Trained(pair, before, variance, pair.our_losses(STEPS), np.concatenate([first, pair.stock_losses(STEPS, 1)]))


@pytest.fixture
def float32():
    """Leave bfloat16 behind for the tests that follow in this process."""
    yield
    backends.active().configure(small_config().compute)


def still(pair: Pair) -> Pair:
    """With generators that do not learn."""
    pair.ours.gan.generator_optimizer.learning_rate = 0.0
    pair.stock.g_optimizer.learning_rate = 0.0
    return pair


def variance_of(pair: Pair) -> int:
    return next(i for i, each in enumerate(pair.stock.generator.weights) if each.path.endswith("moving_variance"))


def test_the_discriminator_learns_as_ours_does(trained):
    # Not closer: 1 - 0.999^t has lost that many digits in Keras's Adam; ours keeps them.
    np.testing.assert_allclose(trained.theirs, trained.ours, rtol=1e-4)
    assert np.abs(np.diff(trained.ours, axis=0)).min() > 0.01, "every update must show"


def test_the_discriminators_update_does_not_touch_the_generator(trained):
    generator, discriminator = trained.pair.stock.generator, trained.pair.stock.discriminator
    moved = changed(trained.before["generator"], generator.weights)
    assert moved == ["moving" in weight.path for weight in generator.weights]
    assert all(changed(trained.before["discriminator"], discriminator.weights))


def test_every_run_of_the_generator_moves_its_statistics(trained):
    # What follows the zero kernel has no variance: each of the two runs leaves a share of the old one.
    momentum, old = trained.pair.config.model.batch_norm_momentum, trained.before["generator"]
    np.testing.assert_allclose(trained.variance, momentum**2 * old[variance_of(trained.pair)], rtol=1e-5)


def test_a_long_fit_cycles_through_the_batches_and_gives_the_means(trained):
    pair = still(Pair())
    losses = stock.fit(pair.stock, pair.batches, STEPS)
    assert len(pair.batches) < STEPS
    assert list(losses) == ["d_loss", "g_loss"]
    np.testing.assert_allclose(list(losses.values()), trained.ours.mean(0), rtol=1e-4)


@pytest.mark.parametrize(
    ("setting", "random"),
    [
        ("objective.label_smoothing=0.0", False),
        ("objective.label_flip=0.4", True),
        ("objective.instance_noise=0.5", True),
        ("model.dropout=0.3", True),
    ],
)
def test_every_stabilisation_acts_and_is_drawn_anew_in_each_step(trained, setting, random):
    pair = still(Pair("optimizer.learning_rate=1e-12", setting))
    first, second = (stock.fit(pair.stock, pair.batches[:1], 1)["d_loss"] for _ in range(2))
    assert abs(first - trained.ours[0, 0]) > 1e-3
    assert (abs(first - second) > 1e-3) == random


@pytest.mark.usefixtures("float32")
def test_layers_in_bfloat16_train_on_weights_in_float32(trained):
    pair = still(Pair('compute.precision="bfloat16"'))
    model = pair.stock
    np.testing.assert_allclose(pair.stock_losses(1)[0, 0], trained.ours[0, 0], rtol=0.05)
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert model.generator.get_layer("image").compute_dtype == "bfloat16"


@pytest.mark.parametrize("updates", [1, 2])
def test_it_takes_as_many_steps_as_it_is_told_and_traces_them_but_once(updates, monkeypatch):
    config = small_config(f"objective.generator_updates={updates}", "objective.gate_accuracy=1.0")
    model = stock.build(config)
    step, calls = model.train_step, []
    monkeypatch.setattr(model, "train_step", lambda *arguments: (calls.append(1), step(*arguments))[1])
    parts = (model.generator, model.discriminator)
    before = [values(network.weights) for network in parts]
    batches = np.stack([images(config, number) for number in range(2)])

    assert np.isfinite(list(stock.fit(model, batches, 1).values())).all()
    traced = len(calls)
    assert np.isfinite(list(stock.fit(model, batches, 3).values())).all()
    assert int(model.d_optimizer.iterations) == 4
    assert int(model.g_optimizer.iterations) == 4 * updates
    for network, old in zip(parts, before, strict=True):
        assert all(changed(old, network.weights))

    said, backend = stock.describe(model), keras.backend.backend()
    assert said.startswith("keras.Model.fit, ") and said.endswith("by jit_compile=auto")
    assert len(calls) == (4 if "eager" in said else traced)
    assert ("eager" in said) == (backend == "torch")
    assert ("no XLA" in said) == (backend == "tensorflow" and not model.jit_compile)


def test_on_tensorflow_it_can_be_told_to_compile_by_xla(trained):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("keras-fit-xla is of TensorFlow, where Keras does not choose XLA by itself")
    model = stock.build(trained.pair.config, jit_compile=True)
    for own, other in zip(model.weights, Pair().stock.weights, strict=True):
        own.assign(other)
    losses = stock.fit(model, trained.pair.batches[:1], 1)
    np.testing.assert_allclose(losses["d_loss"], trained.ours[0, 0], rtol=1e-4)
    assert stock.describe(model) == "keras.Model.fit, tf.function, XLA by jit_compile=True"


def separable(gate: float, real: int) -> Pair:
    """The generator makes black images, and the discriminator calls real what is bright. ``real``: 0 or 255."""
    pair = Pair(f"objective.gate_accuracy={gate}")
    generator, discriminator = pair.stock.generator, pair.stock.discriminator
    for weight in [*generator.trainable_weights[1:], *discriminator.trainable_weights]:
        kind = weight.path.rsplit("/", 1)[-1]
        weight.assign(np.full(weight.shape, {"kernel": 0.05, "gamma": 1.0}.get(kind, 0.0)))
    generator.trainable_weights[-1].assign([-3.0])  # the bias of the image
    pair.batches = np.full_like(pair.batches, real)
    return pair


@pytest.mark.parametrize(
    ("gate", "real", "shut"),
    [(0.51, 255, True), (0.51, 0, False), (1.0, 255, False)],
    ids=["ahead", "not ahead", "without a gate"],
)
def test_the_gate_shuts_while_the_discriminator_is_ahead(gate, real, shut):
    pair = separable(gate, real)
    model = pair.stock
    watched = [*model.discriminator.weights, *model.d_optimizer.variables]
    before, generator = values(watched), values(model.generator.trainable_weights)
    stock.fit(model, pair.batches, 2)
    assert int(model.d_optimizer.iterations) == (0 if shut else 2)
    assert int(model.g_optimizer.iterations) == 2
    # Shut, it also shows that the generator's updates do not touch the discriminator.
    assert any(changed(before, watched)) != shut
    assert any(changed(generator, model.generator.trainable_weights))


def test_the_generator_learns_as_ours_does(trained):
    """Last, since it goes on from there: one step, from the same weights, with images that still do not vary."""
    pair = trained.pair
    for optimizer in (pair.ours.gan.generator_optimizer, pair.stock.g_optimizer):
        optimizer.learning_rate = pair.config.optimizer.learning_rate
    before = values(pair.stock.generator.trainable_weights)
    ours, theirs = pair.our_losses(1), pair.stock_losses(1)
    np.testing.assert_allclose(theirs, ours, rtol=1e-3)
    expected, found = (
        [new - old for new, old in zip(values(network.trainable_weights), before, strict=True)][1:]  # latents do count
        for network in (pair.ours.gan.generator, pair.stock.generator)
    )
    for ours, theirs in zip(expected, found, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=0.02 * pair.config.optimizer.learning_rate)
