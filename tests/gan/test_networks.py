"""Shapes of the reference networks, initial weights, Adam, and what goes in and out as uint8."""

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench.configfile import load_config
from cxrbench.gan.adam import Adam
from cxrbench.gan.dcgan import DCGAN, build_sampler, from_uint8, to_uint8
from cxrbench.gan.layers import PlainForms
from cxrbench.gan.networks import build_discriminator, build_generator, draw_initial_weights
from cxrbench.gan.randomness import Purpose
from tests.gan.small import small_config

pytestmark = pytest.mark.engine


def test_the_reference_networks_have_the_reference_shapes():
    config = load_config("nih256")
    generator = build_generator(config.model, 256, PlainForms())
    discriminator = build_discriminator(config.model, 256, PlainForms())
    kernels = {v.path.split("/")[-2]: tuple(v.shape) for v in generator.variables if v.path.endswith("kernel")}
    assert kernels == {
        "dense": (100, 8 * 8 * 256),
        "up_0": (4, 4, 128, 256),
        "up_1": (4, 4, 64, 128),
        "up_2": (4, 4, 32, 64),
        "up_3": (4, 4, 16, 32),
        "image": (4, 4, 1, 16),
    }
    assert [tuple(layer.kernel.shape) for layer in discriminator.convolutions] == [
        (4, 4, 1, 32), (4, 4, 32, 64), (4, 4, 64, 128), (4, 4, 128, 256), (4, 4, 256, 512),
    ]  # fmt: skip
    images = generator(np.zeros((2, 100), dtype="float32"), training=False)
    assert tuple(images.shape) == (2, 256, 256, 1)
    assert tuple(discriminator(images).shape) == (2, 1)


def test_initial_weights_are_the_same_bits_on_every_backend():
    generator = build_generator(small_config().model, 16, PlainForms())
    draw_initial_weights(generator, 7, 1)
    kernel = ops.convert_to_numpy(generator.get_layer("dense").kernel)
    expected = (
        np.random.Generator(np.random.Philox(np.random.SeedSequence([7, 1]))).standard_normal(kernel.shape) * 0.02
    )
    np.testing.assert_array_equal(kernel, expected.astype("float32"))
    gamma = ops.convert_to_numpy(generator.get_layer("norm_0").gamma)
    assert 0 < np.abs(gamma - 1).max() < 0.1


@pytest.mark.parametrize("half_life", [0, 5])
def test_adam_is_keras_adam(half_life):
    ours, theirs = keras.Variable([1.0, -2.0, 3.0]), keras.Variable([1.0, -2.0, 3.0])
    settings = {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-7}
    falling = {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.01, half_life, 0.5)} if half_life else {}
    adam = Adam.from_config(Adam(**settings, half_life=half_life).get_config())
    pairs = [(adam, ours), (keras.optimizers.Adam(**settings | falling), theirs)]
    for step in range(20):
        gradient = np.array([0.3, -1e-3 * step, np.sin(step)], dtype="float32")
        for optimizer, variable in pairs:
            optimizer.apply([ops.convert_to_tensor(gradient)], [variable])
    np.testing.assert_allclose(ops.convert_to_numpy(ours.value), ops.convert_to_numpy(theirs.value), rtol=2e-6)
    moved = abs(float(ops.convert_to_numpy(ours.value)[0]) - 1.0)
    assert 0.05 < moved < 0.1 if half_life else moved > 0.1  # 20 times 0.01, or 0.01 / (1 - 0.5^0.2) at most


def test_adam_in_float32_is_adam_in_float64():
    """The first update is ``a (1 - b1) g / (sqrt(1 - b2) |g| + epsilon)``; a naive ``1 - 0.999^t`` is off by 1e-5."""
    settings = {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.999, "epsilon": 1e-7}
    gradients = np.random.default_rng(0).standard_normal((5, 8)) * np.logspace(-4, 0, 8)
    weight, mean, square = np.zeros(8), np.zeros(8), np.zeros(8)
    ours, optimizer = keras.Variable(np.zeros(8, dtype="float32")), Adam(**settings)
    for step, gradient in enumerate(gradients.astype("float32"), start=1):
        optimizer.apply([ops.convert_to_tensor(gradient)], [ours])
        exact = gradient.astype(np.float64)
        mean, square = mean + (exact - mean) * 0.5, square + (exact**2 - square) * (1 - 0.999)
        weight -= 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.5**step) * mean / (np.sqrt(square) + 1e-7)
    np.testing.assert_allclose(ops.convert_to_numpy(ours.value), weight, rtol=1e-6)


def test_gray_levels_survive_the_way_to_the_network_and_back():
    levels = ops.convert_to_tensor(np.arange(256, dtype=np.uint8))
    scaled = from_uint8(levels, "float32")
    assert float(scaled[0]) == -1.0
    assert float(scaled[255]) == 1.0
    np.testing.assert_array_equal(ops.convert_to_numpy(to_uint8(scaled)), np.arange(256))


def test_samples_depend_on_seed_and_batch_number_alone():
    config = small_config()
    gan = DCGAN(config)
    draw = build_sampler(gan, config, 4, 1, Purpose.SAMPLES)
    first, again, second = (ops.convert_to_numpy(draw(ops.convert_to_tensor(np.int32(n)))) for n in (0, 0, 1))
    other = ops.convert_to_numpy(build_sampler(gan, config, 4, 2, Purpose.SAMPLES)(ops.convert_to_tensor(np.int32(0))))
    assert first.dtype == np.uint8
    assert first.shape == (4, 16, 16, 1)
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()
    assert (first != other).any()
