"""Spectral normalization (Miyato et al. 2018): a kernel over its largest singular value.

Weights that grow then make no larger logits.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

Tensor = Any
LEAST = 1e-12  # what a length is raised to before it divides


def spectrally_normalized(kernel: Tensor, direction: keras.Variable, training: bool) -> Tensor:
    """The kernel over its largest singular value, taken as a matrix of one column per filter.

    The value comes from power iteration, of which every call in training does one step, and goes on from where the
    last one came to; the gradient takes both singular vectors for constants, as in the paper. So the value is near the
    largest and not it, and it is that of the matrix: a convolution may stretch an image by more.

    Args:
        kernel: (..., filters).
        direction: (filters,), the right singular vector so far; any start that is not zero.
    """
    dtype = keras.config.floatx()  # also where the layers are bfloat16
    matrix = ops.cast(ops.reshape(kernel, (-1, kernel.shape[-1])), dtype)
    still = ops.stop_gradient(matrix)
    left = _unit(ops.matmul(still, _column(ops.cast(ops.stop_gradient(direction.value), dtype))))
    right = _unit(ops.matmul(ops.transpose(still), left))
    if training:
        direction.assign(ops.reshape(right, direction.shape))
    largest = ops.sum(left * ops.matmul(matrix, right))
    return kernel / ops.cast(ops.maximum(largest, LEAST), kernel.dtype)


def _column(vector: Tensor) -> Tensor:
    return ops.reshape(vector, (-1, 1))


def _unit(vector: Tensor) -> Tensor:
    length = ops.sqrt(ops.sum(ops.square(vector)))
    return vector / ops.maximum(length, LEAST)
