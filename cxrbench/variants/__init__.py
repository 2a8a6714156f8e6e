"""The ways of running the training step that are timed side by side, each driven alike.

| variant            | what it is                                                                        |
|--------------------|-----------------------------------------------------------------------------------|
| `ours`             | the shared step of ``cxrbench/gan``, compiled by ``cxrbench/backends``            |
| `keras-fit`        | stock Keras: plain layers, a ``train_step`` as in the Keras guides, and ``fit``   |
| `keras-fit-xla`    | the same with ``jit_compile=True``, on TensorFlow, where Keras does not choose it |
| `native-<mode>`    | the peer that is hand-written in the engine, in one of its modes, without Keras   |
| `without-<change>` | ours with one thing undone that makes it fast; only where it is asked for         |
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cxrbench.config import Config
from cxrbench.errors import ConfigError
from cxrbench.native import MODES
from cxrbench.variants.changes import CHANGES

OURS, FIT, FIT_XLA, NATIVE, WITHOUT = "ours", "keras-fit", "keras-fit-xla", "native", "without"
STOCK = {"jax": (FIT,), "torch": (FIT,), "tensorflow": (FIT, FIT_XLA)}
RESIDENT_BATCHES = 4  # on the host, as the input pipeline delivers them; its own speed is measured apart


class Variant(Protocol):
    """One way of running the training step in this process, from initial weights on."""

    def run(self, steps: int) -> None:
        """Train ``steps`` steps more; need not wait for them."""

    def wait(self) -> None:
        """Return when every step was computed."""

    def metrics(self) -> NDArray[Any]:
        """Of the last step, (5,) as named in ``gan.step.METRICS``; NaN for what a variant does not tell."""

    def describe(self) -> str:
        """How the step is run, in a few words."""


def variants_of(backend: str, asked: Sequence[str] = ()) -> list[str]:
    """The variants of a backend, in the order of the table above.

    Args:
        asked: those wanted, where ``native`` stands for all modes, ``without`` for all changes, and what another
            backend has alone is passed over. Without it all but the changes.

    Raises:
        ConfigError: one of those asked for exists on no backend.
    """
    native = {name: [f"{NATIVE}-{mode}" for mode in modes] for name, modes in MODES.items()}
    changes = {f"{WITHOUT}-{name}": change.backends for name, change in CHANGES.items()}
    known = {OURS, FIT, FIT_XLA, NATIVE, WITHOUT, *changes, *(mode for modes in native.values() for mode in modes)}
    if unknown := [name for name in asked if name not in known]:
        raise ConfigError(f"bench.variants: {unknown[0]!r} is not one of {', '.join(sorted(known))}")
    usual = [OURS, *STOCK[backend], *native[backend]]
    own = [*usual, *(name for name, backends in changes.items() if backend in backends)]
    return [name for name in own if name in asked or name.partition("-")[0] in asked] if asked else usual


def build_variant(name: str, config: Config, engine: ModuleType) -> Variant:
    """Make one variant on the backend of this process, which ``engine`` has configured."""
    images = resident_images(config)
    if name == OURS:
        from cxrbench.variants.ours import Ours

        return Ours(config, engine, images)
    if name in (FIT, FIT_XLA):
        from cxrbench.variants.fit import Fit

        return Fit(config, images, True if name == FIT_XLA else "auto")
    if name.startswith(WITHOUT):
        from cxrbench.variants.ours import Ours
        from cxrbench.variants.without import without

        return Ours(config, without(engine, name.removeprefix(f"{WITHOUT}-")), images)
    from cxrbench.variants.native import Native

    return Native(config, images, name.removeprefix(f"{NATIVE}-"))


def resident_images(config: Config) -> NDArray[np.uint8]:
    """(RESIDENT_BATCHES, B, H, W, 1) of noise: no engine's speed depends on the pixels."""
    size = config.data.image_size
    shape = (RESIDENT_BATCHES, config.train.batch_size, size, size, 1)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
