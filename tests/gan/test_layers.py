"""What stands between the convolutions."""

import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.gan.layers import leaky_dropout

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
