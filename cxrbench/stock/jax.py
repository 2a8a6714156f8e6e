"""JAX, after "Customizing what happens in fit() with JAX": a stateless ``train_step``, which ``fit`` jits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Literal

import jax
import jax.numpy as jnp
import keras
from numpy.typing import NDArray

from cxrbench.gan.dcgan import from_uint8
from cxrbench.stock import ResidentBatches
from cxrbench.stock.networks import GAN

Tensor = Any
Values = list[Tensor]  # of the variables of a network, an optimizer or a metric, in their order
State = tuple[Values, Values, Values, Values]  # trainable, not trainable, optimizer, metrics: of the whole model


class StockGAN(GAN):
    """All state comes in and goes out as values, in four flat lists; the gate is a ``lax.cond``."""

    def compile(
        self,
        d_optimizer: keras.optimizers.Optimizer,
        g_optimizer: keras.optimizers.Optimizer,
        loss_fn: keras.losses.Loss,
        jit_compile: bool | Literal["auto"],
    ) -> None:
        super().compile(d_optimizer, g_optimizer, loss_fn, jit_compile)
        # ``fit`` carries the variables of one optimizer from step to step: this one holds both.
        by_network = keras.optimizers.OptimizerMap(g_optimizer, {"discriminator/.*": d_optimizer})
        self.optimizer = keras.optimizers.MultiOptimizer(by_network)
        self.optimizer.build(self.trainable_variables)

    def train_step(self, state: State, data: tuple[Tensor]) -> tuple[dict[str, Tensor], State]:
        (images,) = data
        trainable, others, slots, metrics = state
        d, d_count, g_count = self.discriminator, len(self.d_optimizer.variables), len(self.g_optimizer.variables)
        d_weights, g_weights = _cut(trainable, len(d.trainable_variables))
        seed, d_state, g_state = _cut(others, 1, len(d.non_trainable_variables))
        own_slots, d_slots, g_slots = _cut(slots, len(slots) - d_count - g_count, d_count)

        real = from_uint8(images, keras.config.floatx())
        with keras.StatelessScope([(self.seed_generator.state, seed[0])]) as scope:
            latents, labels = self.draw(len(real))
        seed = [scope.get_current_value(self.seed_generator.state)]

        fake, g_state = self.generator.stateless_call(g_weights, g_state, latents[0], training=True)
        gradient = jax.value_and_grad(self._discriminator_loss, has_aux=True)
        (d_loss, (logits, d_state)), gradients = gradient(d_weights, d_state, jnp.concatenate([real, fake]), labels)
        d_weights, d_slots = jax.lax.cond(
            self.gate_is_open(logits),
            lambda: self.d_optimizer.stateless_apply(d_slots, gradients, d_weights),
            lambda: (d_weights, d_slots),
        )

        g_losses = []
        for batch in latents[1:]:
            gradient = jax.value_and_grad(self._generator_loss, has_aux=True)
            (loss, (g_state, d_state)), gradients = gradient(g_weights, g_state, d_weights, d_state, batch)
            g_weights, g_slots = self.g_optimizer.stateless_apply(g_slots, gradients, g_weights)
            g_losses.append(loss)

        logs, metrics = self._track(metrics, ([d_loss], g_losses))
        return logs, (
            [*d_weights, *g_weights],
            [*seed, *d_state, *g_state],
            [*own_slots, *d_slots, *g_slots],
            metrics,
        )

    def _discriminator_loss(
        self, weights: Values, state: Values, images: Tensor, labels: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Values]]:
        logits, state = self.discriminator.stateless_call(weights, state, images, training=True)
        return self.loss_fn(labels, logits), (logits, state)

    def _generator_loss(
        self, weights: Values, state: Values, d_weights: Values, d_state: Values, latents: Tensor
    ) -> tuple[Tensor, tuple[Values, Values]]:
        images, state = self.generator.stateless_call(weights, state, latents, training=True)
        logits, d_state = self.discriminator.stateless_call(d_weights, d_state, images, training=True)
        return self.loss_fn(jnp.ones_like(logits), logits), (state, d_state)

    def _track(
        self, values: Values, losses: tuple[Sequence[Tensor], Sequence[Tensor]]
    ) -> tuple[dict[str, Tensor], Values]:
        logs, tracked = {}, []
        for metric, of_metric in zip(self.metrics, losses, strict=True):
            own, values = _cut(values, len(metric.variables))
            for loss in of_metric:
                own = metric.stateless_update_state(own, loss)
            logs[metric.name] = metric.stateless_result(own)
            tracked += own
        return logs, tracked


def describe(model: StockGAN) -> str:
    return "one XLA program per step" if model.jit_compile else "eager"


def batches(images: NDArray) -> ResidentBatches:
    return ResidentBatches(images)


def _cut(values: Values, *counts: int) -> list[Values]:
    """So many values each, and those that are left."""
    starts = [0, *accumulate(counts)]
    return [values[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
