"""The networks in plain layers are those of ``gan``, and their stabilisations act in training alone."""

import numpy as np
import pytest
from keras import ops

from cxrbench import stock
from cxrbench.errors import RunError
from cxrbench.gan.dcgan import DCGAN
from tests.gan.small import small_config
from tests.stock.pair import CERTAIN, Pair, networks, values

pytestmark = pytest.mark.engine


def test_the_same_weights_give_the_same_outputs():
    pair = Pair()
    random = np.random.default_rng(1)
    for network, other in networks(pair):
        kernel = next(weight for weight in network.weights if weight.path.endswith("kernel"))
        if network.name == "generator":  # whose first kernel is zero
            for weight in (kernel, other.weights[0]):
                weight.assign(np.linspace(-1, 1, kernel.shape[0] * kernel.shape[1]).reshape(kernel.shape))
    latents = random.normal(size=(5, pair.config.model.latent_dim)).astype("float32")
    batch = random.uniform(-1, 1, (5, 16, 16, 1)).astype("float32")
    for (network, other), inputs in zip(networks(pair), (latents, batch), strict=True):
        ours, theirs = (ops.convert_to_numpy(each(inputs, training=False)) for each in (network, other))
        assert ours.std() > 0.1
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5, err_msg=network.name)


def test_it_starts_from_the_weights_of_gan():
    config = small_config()
    model, gan = stock.build(config), DCGAN(config)
    for network, other in ((gan.generator, model.generator), (gan.discriminator, model.discriminator)):
        for expected, found in zip(values(network.weights), values(other.weights), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("setting", ["objective.instance_noise=0.1", "model.dropout=0.3"])
def test_noise_and_dropout_act_in_training_and_are_drawn_anew(setting):
    batch = np.random.default_rng(0).uniform(-1, 1, (4, 16, 16, 1)).astype("float32")
    without = stock.build(small_config(*CERTAIN)).discriminator
    network = stock.build(small_config(*CERTAIN, setting)).discriminator
    expected = ops.convert_to_numpy(without(batch, training=False))
    np.testing.assert_array_equal(ops.convert_to_numpy(without(batch, training=True)), expected)
    np.testing.assert_array_equal(ops.convert_to_numpy(network(batch, training=False)), expected)
    first, second = (ops.convert_to_numpy(network(batch, training=True)) for _ in range(2))
    assert (first != expected).all() and (first != second).all()


def test_the_share_that_is_dropped_is_that_of_our_masks():
    network = stock.build(small_config("model.dropout=0.3")).discriminator
    dropout = next(layer for layer in network.layers if layer.name.startswith("dropout"))
    outputs = ops.convert_to_numpy(dropout(np.ones((1, 400, 400), "float32"), training=True))
    assert np.mean(outputs == 0) == pytest.approx(77 / 256, abs=0.006)  # five standard deviations
    assert outputs.max() == pytest.approx(256 / (256 - 77), rel=1e-6)


def test_draws_have_the_configured_distributions():
    model = stock.build(small_config("objective.label_flip=0.2", "objective.label_smoothing=0.1"))
    batch = 20_000
    latents, labels = model.draw(batch)
    assert len(latents) == 1 + model.objective.generator_updates
    for each in latents:
        each = ops.convert_to_numpy(each)
        assert each.shape == (batch, 6)
        assert abs(each.mean()) < 0.015 and each.std() == pytest.approx(1, abs=0.01)
    assert not np.array_equal(*map(ops.convert_to_numpy, latents[:2]))
    labels = ops.convert_to_numpy(labels)
    assert sorted(np.unique(labels)) == pytest.approx([0.0, 0.9])
    assert np.mean(labels[:batch] == 0) == pytest.approx(0.2, abs=0.015)  # real ones that are called fake
    assert np.mean(labels[batch:] > 0) == pytest.approx(0.2, abs=0.015)


def test_more_noise_than_keras_takes_is_refused_with_the_way_out():
    with pytest.raises(RunError, match=r"objective\.instance_noise: 1\.5 .* lower it to 1"):
        stock.build(small_config("objective.instance_noise=1.5"))
