"""What stands between the convolutions: normalization and activations, each in one pass where an engine can fuse it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from keras import ops

from cxrbench.gan.convolutions import DownForm, UpForm
from cxrbench.gan.randomness import MASK_LEVELS

Tensor = Any


class Forms(Protocol):
    """What an engine does best among equals; see ``cxrbench/backends``."""

    def upsampling(self, filters: int) -> UpForm:
        """The form of a transposed convolution to so many filters."""

    def downsampling(self, channels: int) -> DownForm:
        """The form of a convolution of so many channels."""

    def fuse(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function of tensors, as one kernel where compiling the step does not make it one."""


class PlainForms:
    """The engine's own functions, one by one."""

    def upsampling(self, filters: int) -> UpForm:
        return "transposed"

    def downsampling(self, channels: int) -> DownForm:
        return "strided"

    def fuse(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function


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
