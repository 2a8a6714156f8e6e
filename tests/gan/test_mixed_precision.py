"""In bfloat16 the layers compute in it; weights, losses and random numbers stay in float32."""

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from tests.gan.small import Small, small_config

pytestmark = pytest.mark.engine

MIXED = 'compute.precision="bfloat16"'


@pytest.fixture(autouse=True)
def float32():
    """Leave float32 behind for the tests that follow in this process."""
    yield
    backends.active().configure(small_config().compute)


def test_layers_compute_in_bfloat16_and_all_else_in_float32():
    small = Small(small_config(MIXED))
    floats = [variable for name, variable in small.gan.named_state.items() if not name.endswith("/iterations")]
    assert {keras.backend.standardize_dtype(variable.dtype) for variable in floats} == {"float32"}
    images = small.gan.generator(ops.zeros((2, small.config.model.latent_dim)), training=False)
    features = small.gan.discriminator.features(images)
    assert {keras.backend.standardize_dtype(one.dtype) for one in features} == {"bfloat16"}
    assert keras.backend.standardize_dtype(images.dtype) == "float32"
    assert keras.backend.standardize_dtype(small.gan.discriminator(images).dtype) == "float32"


def test_it_trains_like_float32_as_far_as_its_8_bits_go():
    mixed = Small(small_config(MIXED)).run(3)
    exact = Small(small_config()).run(3)
    assert mixed.dtype == np.float32
    difference = np.abs(mixed[:, :2] - exact[:, :2]).max()
    assert 1e-6 < difference < 0.02  # bfloat16 keeps 3 digits: equal would mean that nothing computed in it
