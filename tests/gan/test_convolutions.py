"""Every form of a convolution is that of Keras, forward and backward."""

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.gan.convolutions import DownConv2D, UpConv2D

pytestmark = pytest.mark.engine

UP, DOWN = ("transposed", "product"), ("strided", "folded", "product")
EACH = [(UpConv2D, form) for form in UP] + [(DownConv2D, form) for form in DOWN]
STOCK = {UpConv2D: keras.layers.Conv2DTranspose, DownConv2D: keras.layers.Conv2D}


def normals(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


@pytest.mark.parametrize("kernel_size", [2, 4, 6])
@pytest.mark.parametrize("shape", [(2, 4, 4, 3), (1, 8, 6, 1)])
@pytest.mark.parametrize(("kind", "form"), EACH)
def test_all_forms_are_those_of_keras(kind, form, shape, kernel_size):
    inputs = ops.convert_to_tensor(normals(kernel_size, *shape))
    stock = STOCK[kind](5, kernel_size, strides=2, padding="same", use_bias=False)
    expected = ops.convert_to_numpy(stock(inputs))
    layer = kind(5, kernel_size, form)
    layer.build(shape)
    layer.kernel.assign(stock.kernel)
    found = ops.convert_to_numpy(layer(inputs))
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_a_transposed_convolution_takes_any_grid():
    """And adds its bias."""
    inputs = ops.convert_to_tensor(normals(0, 1, 5, 7, 2))
    stock = keras.layers.Conv2DTranspose(5, 4, strides=2, padding="same", bias_initializer="random_normal")
    expected = ops.convert_to_numpy(stock(inputs))
    for form in UP:
        layer = UpConv2D(5, 4, form, use_bias=True)
        layer.build(inputs.shape)
        layer.kernel.assign(stock.kernel)
        layer.bias.assign(stock.bias)
        np.testing.assert_allclose(ops.convert_to_numpy(layer(inputs)), expected, atol=2e-6)


def gradients_of(layer, compiled):
    """With respect to the inputs, which are a variable here, and to the kernel."""
    engine, inputs = backends.active(), keras.Variable(normals(0, 2, 8, 8, 3))
    layer.build(inputs.shape)
    layer.kernel.assign(normals(1, *layer.kernel.shape))
    weights = ops.convert_to_tensor(normals(2, *layer(inputs.value).shape))
    variables = [inputs, layer.kernel]

    def gradients():
        return engine.value_and_grad(lambda: (ops.sum(layer(inputs.value) * weights), ()), variables, variables)[2]

    run = engine.compile(gradients, variables, 1) if compiled else gradients
    return [ops.convert_to_numpy(gradient) for gradient in run()]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("kind", "forms"), [(UpConv2D, UP), (DownConv2D, DOWN)])
def test_all_forms_have_the_same_gradients(kind, forms, compiled):
    stock, *others = (gradients_of(kind(5, 4, form), compiled) for form in forms)
    assert all(np.abs(gradient).max() > 1 for gradient in stock)
    for other in others:
        for expected, found in zip(stock, other, strict=True):
            np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("kind", [UpConv2D, DownConv2D])
def test_an_odd_kernel_is_refused(kind):
    with pytest.raises(ValueError, match="even"):
        kind(4, 3, "product")
