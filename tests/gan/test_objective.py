"""Losses and labels against values worked out by hand."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.gan.objective import (
    accuracy,
    binary_cross_entropy,
    discriminator_labels,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)

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


def test_hinge_by_hand():
    labels, logits = column(1.0, 1.0, 0.0, 0.0), column(0.25, 3.0, 0.25, -3.0)
    assert float(discriminator_loss("hinge", labels, logits)) == pytest.approx((0.75 + 0 + 1.25 + 0) / 4)
    assert float(generator_loss("hinge", logits)) == pytest.approx(-0.5 / 4)


def test_the_generator_is_rewarded_for_being_called_real():
    logits = column(0.3, -0.7)
    assert float(generator_loss("cross_entropy", logits)) == pytest.approx(
        float(binary_cross_entropy(column(1.0, 1.0), logits))
    )


def test_the_penalty_is_half_the_squared_length_of_the_gradient():
    """Of a discriminator ``w . x`` the gradient is ``w`` everywhere: 9 + 16 + 0, halved."""
    rng = np.random.default_rng(0)
    slope, images = np.array([3.0, 4.0, 0.0]), rng.standard_normal((20000, 3))
    pushed = images + 0.01 * rng.standard_normal(images.shape)
    found = gradient_penalty(
        column(*(images @ slope), dtype="float64"), column(*(pushed @ slope), dtype="float64"), 0.01
    )
    assert float(found) == pytest.approx(12.5, rel=0.04)  # four standard errors: sqrt(2 / 20000)
