"""One object that holds all state of a training: networks, optimizers and, where it is on, the generator's average."""

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
    """Generator, discriminator and their optimizers; ``save_weights`` keeps all in one file.

    With ``objective.average_decay`` there is ``average``, too: a generator whose weights and statistics are moving
    averages of the other's.
    """

    def __init__(self, config: Config, forms: Forms | None = None):
        super().__init__(name="dcgan")
        forms = forms or PlainForms()
        self.generator = build_generator(config.model, config.data.image_size, forms)
        self.discriminator = build_discriminator(config.model, config.data.image_size, forms)
        draw_initial_weights(self.generator, config.train.seed, 0)
        draw_initial_weights(self.discriminator, config.train.seed, 1)
        half_life = config.optimizer.half_life
        self.generator_optimizer = Adam(**config.optimizer.adam("generator"), half_life=half_life)
        self.discriminator_optimizer = Adam(**config.optimizer.adam("discriminator"), half_life=half_life)
        self.generator_optimizer.build(self.generator.trainable_variables)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        self.average_decay = config.objective.average_decay
        self.average: keras.Model | None = None
        if self.average_decay:
            self.average = build_generator(config.model, config.data.image_size, forms, "average")
            draw_initial_weights(self.average, config.train.seed, 0)
        self.built = True

    @property
    def sampled(self) -> keras.Model:
        """The generator that images are drawn from: the average where there is one."""
        return self.generator if self.average is None else self.average

    def follow_average(self, step: Tensor) -> None:
        """Move the average to the generator as it is after a step, given its number (scalar int32); else do nothing.

        Over the first steps of a training by more than ``average_decay`` says, or it would long be of the initial
        weights: ``(1 + step) / (10 + step)`` of it stays, as in TensorFlow's ``ExponentialMovingAverage``.
        """
        if self.average is None:
            return
        number = ops.cast(step, self.generator.trainable_variables[0].dtype)
        moved = 1.0 - ops.minimum((1.0 + number) / (10.0 + number), self.average_decay)
        for average, variable in zip(self._averages, self.generator.variables, strict=True):
            average.assign(average + (variable - average) * moved)

    @property
    def state(self) -> list[keras.Variable]:
        """Every variable that a training step reads or changes, in a fixed order."""
        parts = (self.generator, self.discriminator, self.generator_optimizer, self.discriminator_optimizer)
        return [variable for part in parts for variable in part.variables] + self._averages

    @property
    def _averages(self) -> list[keras.Variable]:
        return [] if self.average is None else self.average.variables

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
        return named | {variable.path: variable for variable in self._averages}


def build_sampler(gan: DCGAN, config: Config, count: int, seed: int, purpose: Purpose) -> Callable[[Tensor], Tensor]:
    """A function of the number of a batch (scalar int32) that gives images (count, H, W, 1) uint8.

    Batch n of a seed has the same latents on every backend, whatever was drawn before.
    """

    def sample(number: Tensor) -> Tensor:
        shape = (count, config.model.latent_dim)
        latents = normals(seed, purpose, number, shape, config.compute.dtype)
        return to_uint8(gan.sampled(latents, training=False))

    return sample


def build_interpolator(gan: DCGAN, config: Config, rows: int, columns: int, seed: int) -> Callable[[Tensor], Tensor]:
    """A function of a number (scalar int32) that gives images (rows * columns, H, W, 1) uint8 between latents.

    In each row the latent goes from one draw to another along the sphere (White 2016, arXiv 1609.04468): straight
    ways lead through latents that are shorter than any that was trained on.
    """

    def between(number: Tensor) -> Tensor:
        dtype = config.compute.dtype
        drawn = normals(seed, Purpose.INTERPOLATION, number, (2, rows, 1, config.model.latent_dim), dtype)
        first, last = drawn[0], drawn[1]
        share = ops.reshape(ops.linspace(0.0, 1.0, columns, dtype=dtype), (1, columns, 1))
        lengths = ops.norm(first, axis=-1, keepdims=True) * ops.norm(last, axis=-1, keepdims=True)
        angle = ops.arccos(ops.sum(first * last, axis=-1, keepdims=True) / lengths)
        latents = (ops.sin((1.0 - share) * angle) * first + ops.sin(share * angle) * last) / ops.sin(angle)
        latents = ops.reshape(latents, (rows * columns, config.model.latent_dim))
        return to_uint8(gan.sampled(latents, training=False))

    return between


def to_uint8(images: Tensor) -> Tensor:
    """[-1, 1] -> gray levels 0..255."""
    return ops.cast(ops.clip(ops.round((images + 1.0) * 127.5), 0.0, 255.0), "uint8")


def from_uint8(images: Tensor, dtype: str) -> Tensor:
    """Gray levels 0..255 -> [-1, 1]."""
    return ops.cast(images, dtype) / 127.5 - 1.0
