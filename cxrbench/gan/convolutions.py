"""Convolutions that halve the grid and transposed ones that double it, in equal forms that engines run unequally fast.

Every form is the same function of the same kernel, forward and backward, up to rounding; a backend names the one that
is fastest there (``cxrbench/backends``, which tell what was measured). The sizes are those of the layers here: stride
2, "same" padding, an even kernel k, which is padded alike on all sides.

**The product forms.** Of an image whose grid is folded, two by two pixels to one with four times the channels, a tap
of the kernel is one of the 2 x 2 parts of a cell and one of (k / 2) x (k / 2) neighbouring cells. So a convolution
gathers the neighbouring cells of each output pixel and multiplies them by the whole kernel, and a transposed one
multiplies each input pixel by the whole kernel and adds the results up over the neighbouring cells: one large matrix
product each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras
from keras import ops

from cxrbench.gan.spectral import spectrally_normalized

Tensor = Any
UpForm = Literal["transposed", "product"]
DownForm = Literal["strided", "folded", "product"]


class _Convolution(keras.layers.Layer):
    """What the two have in common."""

    def __init__(self, filters: int, kernel_size: int, form: str, **kwargs: Any):
        super().__init__(**kwargs)
        if kernel_size % 2:
            raise ValueError(f"kernel_size must be even, not {kernel_size}")
        self.filters, self.kernel_size, self.form = filters, kernel_size, form


@keras.saving.register_keras_serializable("cxrbench")
class UpConv2D(_Convolution):
    """Transposed convolution with stride 2 and "same" padding: (B, H, W, C) -> (B, 2H, 2W, filters).

    The kernel is (k, k, filters, C). ``transposed`` is the engine's own function; for ``product`` see above.
    """

    def __init__(
        self, filters: int, kernel_size: int, form: UpForm = "transposed", use_bias: bool = False, **kwargs: Any
    ):
        super().__init__(filters, kernel_size, form, **kwargs)
        self.use_bias = use_bias

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (self.kernel_size, self.kernel_size, self.filters, input_shape[-1])
        self.kernel = self.add_weight(shape=shape, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias") if self.use_bias else None

    def call(self, inputs: Tensor) -> Tensor:
        if self.form == "transposed":
            outputs = ops.conv_transpose(inputs, self.kernel, strides=2, padding="same", data_format="channels_last")
        else:
            outputs = spread(inputs, self.kernel.value)
        return outputs if self.bias is None else outputs + self.bias

    def get_config(self) -> dict[str, Any]:
        """By which a saved generator is loaded."""
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "form": self.form, "use_bias": self.use_bias}
        return super().get_config() | own


class DownConv2D(_Convolution):
    """Convolution with stride 2 and "same" padding, its bias not yet added: (B, H, W, C) -> (B, H / 2, W / 2, filters).

    The kernel is (k, k, C, filters), the bias (filters,); whoever comes next adds it. ``strided`` is the engine's own
    function; ``folded`` is its stride-1 convolution of the folded image; for ``product`` see above. With ``spectral``
    the kernel is normalized first, see ``spectral.py``.
    """

    def __init__(self, filters: int, kernel_size: int, form: DownForm, spectral: bool = False, **kwargs: Any):
        super().__init__(filters, kernel_size, form, **kwargs)
        self.spectral = spectral

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (self.kernel_size, self.kernel_size, input_shape[-1], self.filters)
        self.kernel = self.add_weight(shape=shape, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias")
        if self.spectral:
            self.direction = self.add_weight(
                shape=(self.filters,), initializer="ones", trainable=False, name="direction"
            )

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        kernel = self.kernel.value
        if self.spectral:
            kernel = spectrally_normalized(kernel, self.direction, training)
        if self.form == "strided":
            return ops.conv(inputs, kernel, strides=2, padding="same", data_format="channels_last")
        if self.form == "folded":
            folded = _folded(inputs, self.kernel_size)
            return ops.conv(folded, _folded_kernel(kernel), padding="valid", data_format="channels_last")
        return gather(inputs, kernel)

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        batch, height, width, _ = input_shape
        return batch, height // 2, width // 2, self.filters


def spread(inputs: Tensor, kernel: Tensor) -> Tensor:
    """Transposed convolution as one product: (B, H, W, C) and (k, k, F, C) -> (B, 2H, 2W, F)."""
    size, _, filters, channels = kernel.shape

    @ops.custom_gradient
    def apply(inputs: Tensor, weights: Tensor) -> tuple[Tensor, Callable[..., tuple[Tensor, Tensor]]]:
        def gradient(*given: Tensor, upstream: Tensor = None) -> tuple[Tensor, Tensor]:
            upstream = given[0] if upstream is None else upstream  # Keras hands it on by name on PyTorch alone
            cells = _neighbours(upstream, size)
            to_inputs = ops.reshape(ops.matmul(cells, weights), (-1, *inputs.shape[1:]))
            return to_inputs, ops.matmul(ops.transpose(cells), _rows(inputs))

        return _scattered(ops.matmul(_rows(inputs), ops.transpose(weights)), inputs, size, filters), gradient

    return apply(inputs, ops.reshape(_folded_kernel(kernel), (-1, channels)))


def gather(inputs: Tensor, kernel: Tensor) -> Tensor:
    """Convolution as one product: (B, H, W, C) and (k, k, C, F) -> (B, H / 2, W / 2, F)."""
    size, _, channels, filters = kernel.shape

    @ops.custom_gradient
    def apply(inputs: Tensor, weights: Tensor) -> tuple[Tensor, Callable[..., tuple[Tensor, Tensor]]]:
        cells = _neighbours(inputs, size)

        def gradient(*given: Tensor, upstream: Tensor = None) -> tuple[Tensor, Tensor]:
            upstream = given[0] if upstream is None else upstream
            product = ops.matmul(_rows(upstream), ops.transpose(weights))
            to_inputs = _scattered(product, upstream, size, channels)
            return to_inputs, ops.matmul(ops.transpose(cells), _rows(upstream))

        grid = (inputs.shape[1] // 2, inputs.shape[2] // 2)
        return ops.reshape(ops.matmul(cells, weights), (-1, *grid, filters)), gradient

    return apply(inputs, ops.reshape(_folded_kernel(kernel), (-1, filters)))


def _neighbours(images: Tensor, kernel_size: int) -> Tensor:
    """The cells under the kernel, per pixel of half the grid: (B, H, W, C) -> (B * H / 2 * W / 2, k * k * C)."""
    _, height, width, channels = images.shape
    rows, columns, cells = height // 2, width // 2, kernel_size // 2
    folded = _folded(images, kernel_size)
    parts = [folded[:, down : down + rows, right : right + columns] for down in range(cells) for right in range(cells)]
    return ops.reshape(ops.concatenate(parts, axis=-1), (-1, kernel_size**2 * channels))


def _scattered(product: Tensor, pixels: Tensor, kernel_size: int, channels: int) -> Tensor:
    """Add up what each pixel gives to the cells under the kernel: (B * H * W, k * k * C) -> (B, 2H, 2W, C)."""
    _, height, width, _ = pixels.shape
    cells, edge = kernel_size // 2, kernel_size // 2 - 1
    given = ops.reshape(product, (-1, height, width, cells, cells, 4 * channels))
    moved = [
        ops.pad(given[:, :, :, down, right], ((0, 0), (down, edge - down), (right, edge - right), (0, 0)))
        for down in range(cells)
        for right in range(cells)
    ]
    rows, columns = height + edge, width + edge
    folded = ops.reshape(sum(moved[1:], moved[0]), (-1, rows, columns, 2, 2, channels))
    padded = ops.reshape(ops.transpose(folded, (0, 1, 3, 2, 4, 5)), (-1, 2 * rows, 2 * columns, channels))
    return padded[:, edge : edge + 2 * height, edge : edge + 2 * width]


def _rows(images: Tensor) -> Tensor:
    """One row per pixel: (B, H, W, C) -> (B * H * W, C)."""
    return ops.reshape(images, (-1, images.shape[-1]))


def _folded(inputs: Tensor, kernel_size: int) -> Tensor:
    """Pad for the kernel and fold: (B, H, W, C) -> (B, H / 2 + k / 2 - 1, W / 2 + k / 2 - 1, 4C)."""
    _, height, width, channels = inputs.shape
    edge = kernel_size // 2 - 1
    padded = ops.pad(inputs, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    rows, columns = height // 2 + edge, width // 2 + edge
    cells = ops.reshape(padded, (-1, rows, 2, columns, 2, channels))
    return ops.reshape(ops.transpose(cells, (0, 1, 3, 2, 4, 5)), (-1, rows, columns, 4 * channels))


def _folded_kernel(kernel: Tensor) -> Tensor:
    """For a folded image: (k, k, C, F) -> (k / 2, k / 2, 4C, F)."""
    size, _, channels, filters = kernel.shape
    cells = ops.reshape(kernel, (size // 2, 2, size // 2, 2, channels, filters))
    return ops.reshape(ops.transpose(cells, (0, 2, 1, 3, 4, 5)), (size // 2, size // 2, 4 * channels, filters))
