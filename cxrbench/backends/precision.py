"""The float type of everything that Keras makes."""

from __future__ import annotations

from typing import Literal

import keras
from keras.src.backend.common import dtypes

NARROWED = dtypes.BIT64_TO_BIT32_DTYPE["float64"]  # what Keras makes of float64 unless told otherwise


def set_float(precision: Literal["float32", "float64", "bfloat16"]) -> None:
    """Make every variable and every operation use ``precision``; call it before anything is built.

    In bfloat16 it is the layers that compute in it, on variables in float32: Keras's ``mixed_bfloat16``.

    ``set_floatx`` alone is not enough for float64: Keras 3.15 quietly computes ``tanh``, ``cos``,
    ``mean``, ``maximum``, ``matmul`` and others of float64 tensors in float32 on JAX and PyTorch (not
    on TensorFlow), through one table of its type promotion. No public setting changes that table.
    """
    mixed = precision == "bfloat16"
    keras.config.set_floatx("float32" if mixed else precision)
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed else precision)
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64" if precision == "float64" else NARROWED
