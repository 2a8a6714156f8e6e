"""What stands between the convolutions: normalization and activations, each in few passes over the values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import keras
from keras import ops

from cxrbench.gan.convolutions import DownForm, UpForm
from cxrbench.gan.randomness import MASK_LEVELS, bytes_of

Tensor = Any


class Forms(Protocol):
    """What an engine does best among equals; see ``cxrbench/backends``."""

    def upsampling(self, filters: int) -> UpForm:
        """The form of a transposed convolution to so many filters."""

    def downsampling(self, channels: int) -> DownForm:
        """The form of a convolution of so many channels."""

    def bytes_of(self, words: Sequence[Tensor]) -> Tensor:
        """As ``randomness.bytes_of``."""

    def normalize(self, values: Tensor, scale: Tensor, offset: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
        """As ``normalize`` below."""

    def fuse(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function of tensors, as one kernel where compiling the step does not make it one."""


class PlainForms:
    """The engine's own functions, one by one."""

    def upsampling(self, filters: int) -> UpForm:
        return "transposed"

    def downsampling(self, channels: int) -> DownForm:
        return "strided"

    def bytes_of(self, words: Sequence[Tensor]) -> Tensor:
        return bytes_of(words)

    def normalize(self, values: Tensor, scale: Tensor, offset: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
        return normalize(values, scale, offset, epsilon)

    def fuse(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


def normalize(values: Tensor, scale: Tensor, offset: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """Normalize a batch (Ioffe & Szegedy 2015).

    Args:
        values: (B, H, W, C).
        scale, offset: (C,).

    Returns:
        The normalized values; their mean and biased variance before, each (C,).
    """
    mean, variance = ops.moments(values, axes=(0, 1, 2))
    return (values - mean) * (ops.rsqrt(variance + epsilon) * scale) + offset, mean, variance


@keras.saving.register_keras_serializable("cxrbench")
class BatchNormalization(keras.layers.BatchNormalization):
    """Keras's layer, in training by the form that an engine is fastest at; loaded from a file by the plain one."""

    def __init__(self, forms: Forms | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.normalize = (forms or PlainForms()).normalize

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not training:
            return super().call(inputs, training=False)
        dtype = keras.backend.result_type(inputs.dtype, "float32")  # a mean of halves loses too much
        scale, offset = ops.cast(self.gamma, dtype), ops.cast(self.beta, dtype)
        outputs, mean, variance = self.normalize(ops.cast(inputs, dtype), scale, offset, self.epsilon)
        for moving, new in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + new * (1.0 - self.momentum))
        return ops.cast(outputs, self.compute_dtype)


def leaky_dropout(slope: float, dropped: int) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """Add a bias, LeakyReLU, and dropout whose mask is given.

    Args:
        dropped: a mask is expected to be false in ``dropped / 256`` of its places, so kept values grow by
            ``256 / (256 - dropped)``.

    Returns:
        A function of values (..., C), a bias (C,) and a boolean mask of the values' shape, or None for no dropout.
    """
    growth = MASK_LEVELS / (MASK_LEVELS - dropped)

    def activate(values: Tensor, bias: Tensor, keep: Tensor | None = None) -> Tensor:
        values = values + bias
        values = ops.where(values > 0, values, slope * values)  # written out: one gradient at zero for all engines
        return values if keep is None else ops.where(keep, values * growth, ops.zeros_like(values))

    return activate
