"""One object that holds all state of a training: both networks and both optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from cxrbench.config import Config
from cxrbench.gan.adam import Adam
from cxrbench.gan.layers import Forms, PlainForms
from cxrbench.gan.networks import build_discriminator, build_generator, draw_initial_weights
from cxrbench.gan.randomness import Purpose, normals

Tensor = Any


class DCGAN(keras.Model):
    """Generator, discriminator and their optimizers; ``save_weights`` keeps all four in one file."""

    def __init__(self, config: Config, forms: Forms | None = None):
        super().__init__(name="dcgan")
        forms = forms or PlainForms()
        self.generator = build_generator(config.model, config.data.image_size, forms)
        self.discriminator = build_discriminator(config.model, config.data.image_size, forms)
        draw_initial_weights(self.generator, config.train.seed, 0)
        draw_initial_weights(self.discriminator, config.train.seed, 1)
        self.generator_optimizer = Adam(**config.optimizer.model_dump())
        self.discriminator_optimizer = Adam(**config.optimizer.model_dump())
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self.built = True

    @property
    def state(self) -> list[keras.Variable]:
        """Every variable that a training step reads or changes, in a fixed order."""
        parts = (self.generator, self.discriminator, self.generator_optimizer, self.discriminator_optimizer)
        return [variable for part in parts for variable in part.variables]

    @property
    def named_state(self) -> dict[str, keras.Variable]:
        """The state by names that are the same on every backend and in every process.

        ``generator/dense/kernel``, its ``…/momentum`` and ``…/velocity``, and ``generator/iterations``, the number of
        updates that were applied.
        """
        named: dict[str, keras.Variable] = {}
        for network, optimizer in (
            (self.generator, self.generator_optimizer),
            (self.discriminator, self.discriminator_optimizer),
        ):
            named |= {variable.path: variable for variable in network.variables}
            for slot, variables in (("momentum", optimizer.means), ("velocity", optimizer.squares)):
                paths = [f"{variable.path}/{slot}" for variable in network.trainable_variables]
                named |= dict(zip(paths, variables, strict=True))
            named[f"{network.name}/iterations"] = optimizer.iterations
        return named


def build_sampler(gan: DCGAN, config: Config, count: int, seed: int, purpose: Purpose) -> Callable[[Tensor], Tensor]:
    """A function of the number of a batch (scalar int32) that gives images (count, H, W, 1) uint8.

    Batch n of a seed has the same latents on every backend, whatever was drawn before.
    """

    def sample(number: Tensor) -> Tensor:
        shape = (count, config.model.latent_dim)
        latents = normals(seed, purpose, number, shape, config.compute.dtype)
        return to_uint8(gan.generator(latents, training=False))

    return sample


def to_uint8(images: Tensor) -> Tensor:
    """[-1, 1] -> gray levels 0..255."""
    return ops.cast(ops.clip(ops.round((images + 1.0) * 127.5), 0.0, 255.0), "uint8")


def from_uint8(images: Tensor, dtype: str) -> Tensor:
    """Gray levels 0..255 -> [-1, 1]."""
    return ops.cast(images, dtype) / 127.5 - 1.0
