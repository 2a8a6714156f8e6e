"""The training step: one discriminator update and one or more generator updates.

Written in ordinary Keras style, variables assigned. A backend makes one compiled graph of it; what it needs from the
backend, to differentiate and to draw in the fastest form, is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import keras
from keras import ops

from cxrbench.config import Config
from cxrbench.gan.augmentation import CHANCES, augment
from cxrbench.gan.dcgan import DCGAN, from_uint8
from cxrbench.gan.layers import Forms
from cxrbench.gan.networks import Discriminator
from cxrbench.gan.objective import (
    accuracy,
    discriminator_labels,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
)
from cxrbench.gan.randomness import Purpose, keep_masks, normals, uniforms

Tensor = Any
METRICS = ("d_loss", "g_loss", "d_real", "d_fake", "d_skipped")
PUSH = 0.01  # of the gradient penalty, in units of the [-1, 1] image: 1.3 gray levels


class Engine(Forms, Protocol):
    """What a step needs from a backend; see ``cxrbench/backends/``."""

    def value_and_grad(
        self,
        loss: Callable[[], tuple[Tensor, Any]],
        variables: list[keras.Variable],
        state: list[keras.Variable],
    ) -> tuple[Tensor, Any, list[Tensor]]: ...


class Draws(NamedTuple):
    """Every random number of one step. Index 0 is the discriminator's update, 1... the generator's."""

    latents: list[Tensor]  # (B, latent_dim)
    noise: list[Tensor]  # (2B, H, W, 1) for the discriminator's update, (B, H, W, 1) for the others
    flipped: Tensor  # (2B, 1) boolean
    keep: list[list[Tensor]]  # a mask per discriminator layer
    augmentation: list[Tensor]  # (2B, CHANCES) and (B, CHANCES), as noise; nothing where it is off
    push: list[Tensor]  # (B, H, W, 1) for the discriminator's update; nothing without a gradient penalty


def build_draws(config: Config, discriminator: Discriminator, forms: Forms) -> Callable[[Tensor], Draws]:
    """A function of the step's number (scalar int32) that gives the step's draws."""
    batch, seed, dtype = config.train.batch_size, config.train.seed, config.compute.dtype
    updates = config.objective.generator_updates
    size = config.data.image_size
    rows = [2 * batch] + [batch] * updates  # images seen by the discriminator in each update
    mask_shapes: list[tuple[int, ...]] = [(count, *shape) for count in rows for shape in discriminator.mask_shapes]
    layers = len(discriminator.mask_shapes)

    def draws(step: Tensor) -> Draws:
        latents = normals(seed, Purpose.LATENTS, step, (updates + 1, batch, config.model.latent_dim), dtype)
        noise = normals(seed, Purpose.INSTANCE_NOISE, step, (sum(rows), size, size, 1), dtype)
        chance = uniforms(seed, Purpose.LABEL_FLIPS, step, (2 * batch, 1), dtype)
        masks = keep_masks(seed, step, mask_shapes, discriminator.dropped, forms.bytes_of)
        augmentation, push = [], []
        if config.objective.augmentation:
            augmentation = parted(uniforms(seed, Purpose.AUGMENTATION, step, (sum(rows), CHANCES), dtype))
        if config.objective.gradient_penalty:
            push = [normals(seed, Purpose.GRADIENT_PENALTY, step, (batch, size, size, 1), dtype)]
        return Draws(
            [latents[index] for index in range(updates + 1)],
            parted(noise),
            chance < config.objective.label_flip,
            [masks[index * layers : (index + 1) * layers] for index in range(len(rows))],
            augmentation,
            push,
        )

    def parted(values: Tensor) -> list[Tensor]:
        """What belongs to each update."""
        starts = [sum(rows[:index]) for index in range(len(rows))]
        return [values[start : start + count] for start, count in zip(starts, rows, strict=True)]

    return draws


def build_step(gan: DCGAN, config: Config, engine: Engine) -> Callable[[Tensor, Tensor], Tensor]:
    """The training step.

    Returns:
        A function of images (B, H, W, 1) uint8 and the step's number (scalar int32) that updates the
        variables of ``gan`` and returns the values named in ``METRICS`` as one tensor.
    """
    objective, dtype, batch = config.objective, config.compute.dtype, config.train.batch_size
    generator, discriminator = gan.generator, gan.discriminator
    draw = engine.fuse(build_draws(config, discriminator, engine))
    state = gan.state

    def seen(images: Tensor, draws: Draws, index: int) -> Tensor:
        """What the discriminator is shown of images."""
        if objective.augmentation:
            images = augment(images, draws.augmentation[index], objective.augmentation)
        return images + objective.instance_noise * draws.noise[index]

    def pushed(images: Tensor, draws: Draws) -> tuple[Tensor, list[Tensor]]:
        """The images (2B, H, W, 1) and the real ones of them a push away, and masks that treat both alike."""
        shown = ops.concatenate([images, images[:batch] + PUSH * draws.push[0]])
        return shown, [ops.concatenate([mask, mask[:batch]]) for mask in draws.keep[0]]

    def update_discriminator(real: Tensor, draws: Draws) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        images = seen(ops.concatenate([real, generator(draws.latents[0], training=True)]), draws, 0)
        labels = discriminator_labels(batch, objective.label_smoothing, draws.flipped, dtype)

        def loss() -> tuple[Tensor, Tensor]:
            if not objective.gradient_penalty:
                logits = discriminator(images, keep=draws.keep[0])
                return discriminator_loss(objective.loss, labels, logits), logits
            shown, keep = pushed(images, draws)
            every = discriminator(shown, keep=keep)
            logits = every[: 2 * batch]
            penalty = gradient_penalty(every[:batch], every[2 * batch :], PUSH)
            return discriminator_loss(objective.loss, labels, logits) + objective.gradient_penalty * penalty, logits

        value, logits, gradients = engine.value_and_grad(loss, discriminator.trainable_variables, state)
        real_logits, fake_logits = logits[:batch], logits[batch:]
        open_gate = accuracy(real_logits, fake_logits, dtype) <= objective.gate_accuracy
        gan.discriminator_optimizer.apply(gradients, discriminator.trainable_variables, open_gate)
        skipped = 1.0 - ops.cast(open_gate, dtype)
        return value, ops.mean(ops.sigmoid(real_logits)), ops.mean(ops.sigmoid(fake_logits)), skipped

    def update_generator(draws: Draws, index: int) -> Tensor:
        def loss() -> tuple[Tensor, tuple[()]]:
            images = seen(generator(draws.latents[index], training=True), draws, index)
            return generator_loss(objective.loss, discriminator(images, keep=draws.keep[index])), ()

        value, _, gradients = engine.value_and_grad(loss, generator.trainable_variables, state)
        gan.generator_optimizer.apply(gradients, generator.trainable_variables)
        return value

    def step(images: Tensor, number: Tensor) -> Tensor:
        draws = Draws(*draw(number))
        d_loss, d_real, d_fake, skipped = update_discriminator(from_uint8(images, dtype), draws)
        g_losses = [update_generator(draws, index + 1) for index in range(objective.generator_updates)]
        gan.follow_average(number)
        g_loss = sum(g_losses) / len(g_losses)
        return ops.stack([d_loss, g_loss, d_real, d_fake, skipped])

    return step
