"""The rewritten transposed convolution is the plain one, forward and backward."""

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.gan.layers import MaskedDropout, UpConv2D

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("kernel_size", [2, 4, 6])
@pytest.mark.parametrize("shape", [(2, 4, 4, 3), (1, 5, 7, 2)])
def test_both_forms_are_keras_conv2d_transpose(kernel_size, shape):
    rng = np.random.default_rng(kernel_size)
    inputs = ops.convert_to_tensor(rng.standard_normal(shape).astype("float32"))
    plain = keras.layers.Conv2DTranspose(5, kernel_size, strides=2, padding="same")
    expected = ops.convert_to_numpy(plain(inputs))
    for form in ("transposed", "phases"):
        layer = UpConv2D(5, kernel_size, form, use_bias=True)
        layer.build(shape)
        layer.kernel.assign(plain.kernel)
        layer.bias.assign(plain.bias)
        np.testing.assert_allclose(ops.convert_to_numpy(layer(inputs)), expected, atol=2e-6)


def test_both_forms_have_the_same_gradients():
    engine = backends.active()
    rng = np.random.default_rng(0)
    inputs = ops.convert_to_tensor(rng.standard_normal((2, 4, 4, 3)).astype("float32"))
    weights = ops.convert_to_tensor(rng.standard_normal((2, 8, 8, 5)).astype("float32"))
    kernel = rng.standard_normal((4, 4, 5, 3)).astype("float32")

    gradients = []
    for form in ("transposed", "phases"):
        layer = UpConv2D(5, 4, form)
        layer.build(inputs.shape)
        layer.kernel.assign(kernel)

        def loss(layer=layer):
            return ops.sum(layer(inputs) * weights), ()

        _, _, (gradient,) = engine.value_and_grad(loss, [layer.kernel], [layer.kernel])
        gradients.append(ops.convert_to_numpy(gradient))
    np.testing.assert_allclose(gradients[0], gradients[1], atol=2e-5)
    assert np.abs(gradients[0]).max() > 1


def test_an_odd_kernel_is_refused():
    with pytest.raises(ValueError, match="even"):
        UpConv2D(4, 3)


def test_dropout_keeps_the_expectation_and_does_nothing_without_a_mask():
    layer = MaskedDropout(dropped=64)
    inputs = ops.convert_to_tensor(np.array([[1.0, 2.0, 3.0, 4.0]], dtype="float32"))
    keep = ops.convert_to_tensor(np.array([[True, False, True, True]]))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(inputs, keep=keep)), np.array([[1, 0, 3, 4]]) / 0.75)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(inputs)), ops.convert_to_numpy(inputs))
