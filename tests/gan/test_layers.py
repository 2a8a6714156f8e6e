"""What stands between the convolutions."""

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.gan.layers import BatchNormalization, leaky_dropout

pytestmark = pytest.mark.engine


@pytest.mark.parametrize("fused", [False, True])
def test_bias_leaky_and_a_dropout_that_keeps_the_expectation(fused):
    function = leaky_dropout(slope=0.2, dropped=64)
    activate = backends.active().fuse(function) if fused else function
    values = ops.convert_to_tensor(np.array([[1.0, -2.0], [0.5, -0.5]], dtype="float32"))
    bias = ops.convert_to_tensor(np.array([1.0, -1.0], dtype="float32"))
    keep = ops.convert_to_tensor(np.array([[True, True], [False, True]]))
    expected = np.array([[2.0, -0.6], [1.5, -0.3]], dtype="float32")
    np.testing.assert_allclose(ops.convert_to_numpy(activate(values, bias)), expected, rtol=1e-6)
    kept = np.array([[2.0, -0.6], [0.0, -0.3]], dtype="float32") / 0.75
    np.testing.assert_allclose(ops.convert_to_numpy(activate(values, bias, keep)), kept, rtol=1e-6)


def normalized(layer, compiled):
    """Values, gradients, and what the layer keeps, of values far from a mean of zero."""
    engine, rng = backends.active(), np.random.default_rng(0)
    values = keras.Variable((3 + 2 * rng.standard_normal((4, 3, 5, 6))).astype("float32"))
    weights = ops.convert_to_tensor(rng.standard_normal((4, 3, 5, 6)).astype("float32"))
    layer.build(values.shape)
    layer.gamma.assign(rng.standard_normal(6).astype("float32"))
    layer.beta.assign(rng.standard_normal(6).astype("float32"))
    variables = [values, *layer.variables]

    def loss():
        outputs = layer(values.value, training=True)
        return ops.sum(outputs * weights), outputs

    def look():
        _, outputs, gradients = engine.value_and_grad(loss, variables[:3], variables)
        return outputs, *gradients

    results = (engine.compile(look, variables, 1) if compiled else look)()
    return [ops.convert_to_numpy(one) for one in (*results, *(kept.value for kept in layer.variables))]


@pytest.mark.parametrize("compiled", [False, True])
def test_batch_normalization_is_that_of_keras(compiled):
    stock = normalized(keras.layers.BatchNormalization(momentum=0.9), compiled)
    ours = normalized(BatchNormalization(backends.active(), momentum=0.9), compiled)
    for expected, found in zip(stock, ours, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_the_gradient_of_the_activation_is_that_of_its_parts(compiled, masked):
    engine, rng = backends.active(), np.random.default_rng(1)
    values, bias = (keras.Variable(rng.standard_normal(shape).astype("float32")) for shape in ((3, 4, 5, 6), (6,)))
    weights = ops.convert_to_tensor(rng.standard_normal((3, 4, 5, 6)).astype("float32"))
    keep = ops.convert_to_tensor(rng.random((3, 4, 5, 6)) < 0.7) if masked else None
    activate = engine.fuse(leaky_dropout(slope=0.2, dropped=64))

    def parts(values, bias):
        outputs = ops.leaky_relu(values + bias, 0.2)
        return outputs if keep is None else ops.where(keep, outputs / 0.75, 0.0)

    def gradients_of(function):
        def look():
            loss = lambda: (ops.sum(function(values.value, bias.value) * weights), ())  # noqa: E731
            return engine.value_and_grad(loss, [values, bias], [values, bias])[2]

        run = engine.compile(look, [values, bias], 1) if compiled else look
        return [ops.convert_to_numpy(gradient) for gradient in run()]

    ours = gradients_of(lambda values, bias: activate(ops.convert_to_tensor(values), ops.convert_to_tensor(bias), keep))
    for found, expected in zip(ours, gradients_of(parts), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
