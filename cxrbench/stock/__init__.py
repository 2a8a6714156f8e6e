"""The stock way: the same networks and step as ``cxrbench/gan``, as the guides of Keras teach to write them.

Plain layers, Keras's own optimizer, loss and random numbers, a ``keras.Model`` with a ``train_step``, run by ``fit``:
what a reader of keras.io has after the guide "Customizing what happens in fit()" of a backend and the example of a
DCGAN. One file each, to be read side by side:

| name       | what it is                                                                       |
|------------|----------------------------------------------------------------------------------|
| `StockGAN` | the model, with the ``train_step`` of that backend's guide                       |
| `describe` | what ``fit`` makes of that step, by itself or as ``jit_compile`` tells it         |
| `batches`  | resident images in the form that ``fit`` takes with the least work for each step |

Device, precision and rounding are the engine's own settings: configure them before, as ``cxrbench.backends``
does.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Literal

import keras
from numpy.typing import NDArray

from cxrbench.config import Config


class ResidentBatches(keras.utils.PyDataset):
    """Batches (R, B, H, W, 1) uint8 in memory, one after the other, without an end.

    Keras hands on what ``__getitem__`` returns: to JAX as it is, to PyTorch through a ``DataLoader`` without workers.
    An array given to ``fit`` as it is would be gathered image by image, and would end after R batches.
    """

    def __init__(self, images: NDArray) -> None:
        super().__init__()
        self.images = images

    @property
    def num_batches(self) -> None:
        return None

    def __getitem__(self, index: int) -> tuple[NDArray]:
        return (self.images[index % len(self.images)],)


def build(config: Config, jit_compile: bool | Literal["auto"] = "auto") -> keras.Model:
    """The model of the active backend, compiled, with the initial weights of ``gan``.

    Keras's global random state is set from the experiment's seed; so are those of Python, NumPy and the engine.

    Args:
        jit_compile: of ``keras.Model.compile``.

    Raises:
        RunError: the configured instance noise is more than Keras's layer takes.
    """
    keras.utils.set_random_seed(config.train.seed)
    model = _active().StockGAN(config)
    d_optimizer, g_optimizer = (
        keras.optimizers.Adam(**config.optimizer.adam(network)) for network in ("discriminator", "generator")
    )
    model.compile(d_optimizer, g_optimizer, keras.losses.BinaryCrossentropy(from_logits=True), jit_compile)
    return model


def fit(model: keras.Model, images: NDArray, steps: int) -> dict[str, float]:
    """Train exactly ``steps`` steps by ``keras.Model.fit``, and wait until they are done.

    ``fit`` ends by reading the losses' means, which the device has when all that came before them is done.

    Args:
        images: resident batches (R, B, H, W, 1) uint8; every call starts with the first.

    Returns:
        The means of ``d_loss`` and ``g_loss`` over these steps.
    """
    history = model.fit(_active().batches(images), steps_per_epoch=steps, shuffle=False, verbose=0)
    return {name: values[-1] for name, values in history.history.items()}


def describe(model: keras.Model) -> str:
    """How it is run, such as "keras.Model.fit, eager by jit_compile=auto"."""
    return f"keras.Model.fit, {_active().describe(model)} by jit_compile={model.asked_to_compile}"


def _active() -> ModuleType:
    """The file of the backend that Keras runs on (the variable KERAS_BACKEND)."""
    return importlib.import_module(f"cxrbench.stock.{keras.backend.backend()}")
