"""The layers that Keras does not have in the form that is needed here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras
from keras import ops

Tensor = Any
Form = Literal["transposed", "phases"]
FormFor = Callable[[int], Form]  # the form for a number of filters


def plain_form(filters: int) -> Form:
    """The engine's own transposed convolution, whatever the number of filters."""
    return "transposed"


@keras.saving.register_keras_serializable("cxrbench")
class UpConv2D(keras.layers.Layer):
    """Transposed convolution with stride 2 and "same" padding: (B, H, W, C) -> (B, 2H, 2W, filters).

    The same function, and the same kernel of shape (k, k, filters, C), in two forms:

    - ``transposed``: the engine's own transposed convolution.
    - ``phases``: the output pixels of each of the four (row, column) parities come from an ordinary
      stride-1 convolution with a quarter of the kernel; the four results are interleaved. Some engines
      have no fast backward pass for the first form.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        form: Form = "transposed",
        use_bias: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if kernel_size % 2:
            raise ValueError(f"kernel_size must be even, not {kernel_size}")
        self.filters = filters
        self.kernel_size = kernel_size
        self.form = form
        self.use_bias = use_bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (self.kernel_size, self.kernel_size, self.filters, input_shape[-1])
        self.kernel = self.add_weight(shape=shape, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias") if self.use_bias else None

    def call(self, inputs: Tensor) -> Tensor:
        if self.form == "phases":
            outputs = self._phases(inputs)
        else:
            outputs = ops.conv_transpose(inputs, self.kernel, strides=2, padding="same", data_format="channels_last")
        return outputs if self.bias is None else outputs + self.bias

    def _phases(self, inputs: Tensor) -> Tensor:
        _, height, width, _ = inputs.shape
        taps = self.kernel_size // 2  # of one phase, in each direction
        edge = taps // 2
        padded = ops.pad(inputs, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
        # As an ordinary convolution wants it, (k, k, C, filters), and flipped: a transposed convolution
        # spreads the kernel where a convolution gathers it.
        kernel = ops.flip(ops.transpose(self.kernel, (0, 1, 3, 2)), (0, 1))
        rows = []
        for row in (0, 1):
            top, first_row = _phase(row, taps)
            columns = []
            for column in (0, 1):
                left, first_column = _phase(column, taps)
                window = padded[:, top : top + height + taps - 1, left : left + width + taps - 1, :]
                part = kernel[first_row::2, first_column::2]
                columns.append(ops.conv(window, part, padding="valid", data_format="channels_last"))
            rows.append(ops.stack(columns, axis=3))
        return ops.reshape(ops.stack(rows, axis=2), (-1, 2 * height, 2 * width, self.filters))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "form": self.form,
            "use_bias": self.use_bias,
        }


@keras.saving.register_keras_serializable("cxrbench")
class MaskedDropout(keras.layers.Layer):
    """Dropout whose mask is given: ``keep`` is boolean, of the shape of the inputs, or None to do nothing.

    A share of ``dropped / 256`` of the mask is expected to be false, so kept values grow by
    ``256 / (256 - dropped)``.
    """

    def __init__(self, dropped: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.dropped = dropped

    def call(self, inputs: Tensor, keep: Tensor | None = None) -> Tensor:
        if keep is None:
            return inputs
        return ops.where(keep, inputs * (256 / (256 - self.dropped)), ops.zeros_like(inputs))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"dropped": self.dropped}


def _phase(parity: int, taps: int) -> tuple[int, int]:
    """Where in the padded input an output phase begins, and at which tap of the flipped kernel.

    Output pixel o takes input i through tap t = o - 2 i + taps - 1: for one parity of o, every second
    tap, and a run of ``taps`` inputs.
    """
    start = (parity + taps - 1) // 2 - (taps - 1) + taps // 2
    return start, 1 - (parity + taps - 1) % 2
