"""The peers: the same step, written by hand in each engine, without Keras.

Each file is what an engineer of that framework writes from the framework's own documentation, with the
mathematics of ``cxrbench/gan``; what Keras costs, or gains, is the difference. One file each, to be read
side by side:

| name        | what it is                                                                     |
|-------------|--------------------------------------------------------------------------------|
| `Peer`      | all state of a training, made from initial weights under Keras's names; a mode |
| `.step`     | one training step on uint8 images; returns the five metrics of ``gan/step.py`` |
| `.state`    | weights, statistics, Adam's slots and update counts, as NumPy, Keras's shapes  |
| `.describe` | how the step is run in this mode, in a few words                               |
| `to_device` | a NumPy array as a tensor that `.step` takes                                   |

Device, precision and rounding are the engine's own settings: configure them before, as ``cxrbench.backends``
does.

While the gate shuts the discriminator's update out, each does what its framework makes easy: PyTorch reads the
gate on the host and leaves out the backward pass and Adam, TensorFlow leaves out Adam alone, JAX computes all and
keeps the old values. Times are comparable where the gate never shuts, as in ``bench``.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, NamedTuple

from cxrbench.config import Config
from cxrbench.errors import ConfigError

# The ways in which a peer can run, by engine; the first is what it does unless told otherwise.
MODES: dict[str, tuple[str, ...]] = {
    "jax": ("jit",),
    "torch": ("eager", "compile"),
    "tensorflow": ("graph", "xla"),
}

BATCH_NORM_EPSILON = 1e-3  # Keras's default; PyTorch's is 1e-5


class Draws(NamedTuple):
    """Every random number of one step. Index 0 is the discriminator's update, 1... the generator's.

    Given to a step as NumPy arrays, for the proof that a peer computes the same as ``cxrbench/gan``.
    """

    latents: list[Any]  # (B, latent_dim)
    noise: list[Any]  # (2B, H, W, 1) for the discriminator's update, (B, H, W, 1) for the others
    flipped: Any  # (2B, 1) boolean
    keep: list[Any]  # a list of masks, one per discriminator layer; None: the engine's own dropout


def peer_module(backend: str) -> ModuleType:
    """The file of one backend."""
    return importlib.import_module(f"cxrbench.native.{backend}")


def check_mode(backend: str, mode: str) -> str:
    """The mode itself.

    Raises:
        ConfigError: the peer of this backend has no such mode.
    """
    if mode not in MODES[backend]:
        raise ConfigError(f"native mode: {mode!r} is not one that {backend} has; use {' or '.join(MODES[backend])}")
    return mode


def unknown_to_peers(config: Config) -> list[str]:
    """The settings of an experiment that the shared step alone knows: then no peer, hand-written or stock, is compared.

    The peers are what the frameworks' own guides teach, and end with the DCGAN.
    """
    model, objective, optimizer = config.model, config.objective, config.optimizer
    asked = {
        "model.spectral_norm": model.spectral_norm,
        "objective.loss": objective.loss != "cross_entropy",
        "objective.augmentation": bool(objective.augmentation),
        "objective.gradient_penalty": objective.gradient_penalty > 0.0,
        "objective.average_decay": objective.average_decay > 0.0,
        "optimizer.discriminator_rate": optimizer.discriminator_rate != 1.0,
        "optimizer.half_life": optimizer.half_life > 0,
    }
    return [key for key, is_asked in asked.items() if is_asked]


def levels(config: Config) -> int:
    """How often the generator doubles the grid, and the discriminator halves it."""
    return (config.data.image_size // config.model.base_size).bit_length() - 1


def dropout_rate(config: Config) -> float:
    """The dropout that is really used: the shared random stream decides with 8 bits."""
    return round(config.model.dropout * 256) / 256
