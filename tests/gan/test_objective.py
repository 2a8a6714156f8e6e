"""Losses and labels against values worked out by hand."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.gan.objective import accuracy, binary_cross_entropy, discriminator_labels

pytestmark = pytest.mark.engine


def column(*values, dtype="float32"):
    return ops.convert_to_tensor(np.array(values, dtype=dtype)[:, None])


def test_cross_entropy_by_hand():
    probability = 1 / (1 + math.exp(-0.3))
    expected = -(0.9 * math.log(probability) + 0.1 * math.log(1 - probability))
    assert float(binary_cross_entropy(column(0.9), column(0.3))) == pytest.approx(expected, rel=1e-6)


def test_cross_entropy_of_large_logits_is_finite():
    assert float(binary_cross_entropy(column(0.0, 1.0), column(200.0, -100.0))) == pytest.approx(150.0)


def test_the_gradient_at_zero_is_that_of_a_sigmoid_on_every_backend():
    logits = keras.Variable(np.array([[0.0], [0.0], [1.0]], dtype="float32"))
    labels = column(0.9, 0.0, 1.0)
    _, _, (gradient,) = backends.active().value_and_grad(
        lambda: (binary_cross_entropy(labels, ops.convert_to_tensor(logits)), ()), [logits], [logits]
    )
    expected = np.array([[0.5 - 0.9], [0.5], [1 / (1 + math.exp(-1)) - 1]]) / 3
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), expected, rtol=1e-6)


def test_labels_are_flipped_then_smoothed_on_one_side():
    flipped = column(False, True, False, True, dtype="bool")
    labels = ops.convert_to_numpy(discriminator_labels(2, 0.1, flipped, "float32"))
    np.testing.assert_allclose(labels[:, 0], [0.9, 0.0, 0.0, 0.9], rtol=1e-6)


def test_accuracy_counts_both_halves_alike():
    assert float(accuracy(column(1.0, -1.0), column(-1.0, -2.0, -3.0, 4.0), "float32")) == pytest.approx(0.625)
