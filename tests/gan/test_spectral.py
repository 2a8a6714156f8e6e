"""Spectral normalization against NumPy's singular values."""

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.gan.spectral import spectrally_normalized
from tests.gan.small import Small, small_config

pytestmark = pytest.mark.engine


@pytest.fixture
def kernel():
    return keras.Variable(np.random.default_rng(0).standard_normal((4, 4, 3, 5)).astype("float32"))


@pytest.fixture
def direction():
    return keras.Variable(np.ones(5, dtype="float32"), trainable=False)


def matrix(tensor):
    return ops.convert_to_numpy(tensor).reshape(-1, 5).astype("float64")


def iterate(kernel, direction, times):
    for _ in range(times):
        found = spectrally_normalized(kernel.value, direction, training=True)
    return found


def test_the_largest_singular_value_becomes_one(kernel, direction):
    found = matrix(iterate(kernel, direction, 60))
    values = np.linalg.svd(matrix(kernel.value), compute_uv=False)
    assert values[0] > 2
    np.testing.assert_allclose(np.linalg.svd(found, compute_uv=False), values / values[0], rtol=1e-4)


def test_one_call_is_one_step_of_power_iteration_and_inference_keeps_the_direction(kernel, direction):
    first = matrix(spectrally_normalized(kernel.value, direction, training=False))
    np.testing.assert_array_equal(ops.convert_to_numpy(direction.value), np.ones(5))
    np.testing.assert_array_equal(matrix(iterate(kernel, direction, 1)), first)
    weights = matrix(kernel.value)
    expected = weights.T @ (weights @ np.ones(5))
    np.testing.assert_allclose(ops.convert_to_numpy(direction.value), expected / np.linalg.norm(expected), rtol=1e-5)


def test_the_gradient_takes_the_singular_vectors_for_constants(kernel, direction):
    """Equation 10 of the paper: (G - <G, W'> u v^T) / sigma."""
    iterate(kernel, direction, 60)
    upstream = np.random.default_rng(1).standard_normal((4, 4, 3, 5)).astype("float32")

    def loss():
        normalized = spectrally_normalized(ops.convert_to_tensor(kernel), direction, training=False)
        return ops.sum(normalized * ops.convert_to_tensor(upstream)), ()

    _, _, (gradient,) = backends.active().value_and_grad(loss, [kernel], [kernel, direction])
    left, values, right = np.linalg.svd(matrix(kernel.value), full_matrices=False)
    given = upstream.reshape(-1, 5)
    along = np.sum(given * matrix(kernel.value)) / values[0]
    expected = (given - along * np.outer(left[:, 0], right[0])) / values[0]
    np.testing.assert_allclose(matrix(gradient), expected, atol=2e-4)


def test_a_discriminator_of_it_finds_its_directions_and_no_weights_make_larger_logits():
    small = Small(small_config("model.spectral_norm=true"))
    discriminator = small.gan.discriminator
    small.run(20)
    for convolution in discriminator.convolutions:
        kernel = ops.convert_to_numpy(convolution.kernel.value)
        kernel = kernel.reshape(-1, kernel.shape[-1]).astype("float64")
        largest = np.linalg.svd(kernel, full_matrices=False)[2][0]
        found = ops.convert_to_numpy(convolution.direction.value)
        assert abs(largest @ found) > 0.9, convolution.name
    # Weights that grow make no larger logits.
    images = ops.convert_to_tensor(np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype("float32"))
    before = ops.convert_to_numpy(discriminator(images))
    for layer in (*discriminator.convolutions, discriminator.logit):
        layer.kernel.assign(layer.kernel.value * 3.0)
    np.testing.assert_allclose(ops.convert_to_numpy(discriminator(images)), before, atol=1e-5)
