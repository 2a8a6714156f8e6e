"""JAX: pure functions of pytrees, one jitted step with its state donated."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from cxrbench.config import Config
from cxrbench.native import BATCH_NORM_EPSILON, MODES, Draws, check_mode, dropout_rate, levels

Tensor = Any
Weights = dict[str, Tensor]


class Adam(NamedTuple):
    """The state of an optimizer; its slots have the structure of the weights."""

    count: Tensor
    means: Weights
    squares: Weights


class State(NamedTuple):
    """Everything that a step reads and changes: one pytree, donated."""

    generator: Weights
    statistics: Weights  # of the generator's batch normalizations
    discriminator: Weights
    generator_adam: Adam
    discriminator_adam: Adam
    key: Tensor


def generate(config: Config, weights: Weights, statistics: Weights, latents: Tensor) -> tuple[Tensor, Weights]:
    """Latents (B, latent_dim) -> images (B, H, W, 1) in [-1, 1] and the new moving statistics."""
    base, updated = config.model.base_size, {}
    hidden = (latents @ weights["dense/kernel"]).reshape(len(latents), base, base, -1)
    for level in range(levels(config)):
        if level:
            hidden = upsample(hidden, weights[f"up_{level - 1}/kernel"])
        mean, variance = jnp.mean(hidden, (0, 1, 2)), jnp.var(hidden, (0, 1, 2))
        scale = weights[f"norm_{level}/gamma"] * jax.lax.rsqrt(variance + BATCH_NORM_EPSILON)
        hidden = jax.nn.relu((hidden - mean) * scale + weights[f"norm_{level}/beta"])
        for name, new in ((f"norm_{level}/moving_mean", mean), (f"norm_{level}/moving_variance", variance)):
            momentum = config.model.batch_norm_momentum
            updated[name] = momentum * statistics[name] + (1 - momentum) * new
    return jnp.tanh(upsample(hidden, weights["image/kernel"]) + weights["image/bias"]), updated


def upsample(hidden: Tensor, kernel: Tensor) -> Tensor:
    """Transposed convolution, stride 2, kernel (k, k, out, in) as Keras keeps it: hence ``transpose_kernel``."""
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_transpose(hidden, kernel, (2, 2), "SAME", dimension_numbers=layout, transpose_kernel=True)


def discriminate(config: Config, weights: Weights, images: Tensor, keep: list[Tensor]) -> Tensor:
    """Images (B, H, W, 1) -> logits (B, 1)."""
    hidden, layout = images, ("NHWC", "HWIO", "NHWC")
    for level in range(levels(config)):
        kernel, bias = weights[f"down_{level}/kernel"], weights[f"down_{level}/bias"]
        hidden = jax.lax.conv_general_dilated(hidden, kernel, (2, 2), "SAME", dimension_numbers=layout) + bias
        # Not jax.nn.leaky_relu: its gradient at exactly zero is 1.
        hidden = jnp.where(hidden > 0, hidden, config.model.leaky_slope * hidden)
        hidden = jnp.where(keep[level], hidden / (1 - dropout_rate(config)), 0)
    return hidden.reshape(len(hidden), -1) @ weights["logit/kernel"] + weights["logit/bias"]


def binary_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return jnp.mean(jax.nn.softplus(logits) - logits * labels)


def new_adam(weights: Weights) -> Adam:
    return Adam(jnp.zeros((), "int32"), jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights))


def adam_update(config: Config, weights: Weights, adam: Adam, gradients: Weights) -> tuple[Weights, Adam]:
    """Adam with epsilon outside of the bias correction, as in Keras."""
    settings, count = config.optimizer, adam.count + 1
    beta_1, beta_2, time = settings.beta_1, settings.beta_2, count.astype(config.compute.precision)
    rate = settings.learning_rate * jnp.sqrt(1 - beta_2**time) / (1 - beta_1**time)
    means = jax.tree.map(lambda mean, g: beta_1 * mean + (1 - beta_1) * g, adam.means, gradients)
    squares = jax.tree.map(lambda square, g: beta_2 * square + (1 - beta_2) * g * g, adam.squares, gradients)
    updated = jax.tree.map(
        lambda weight, mean, square: weight - rate * mean / (jnp.sqrt(square) + settings.epsilon),
        weights,
        means,
        squares,
    )
    return updated, Adam(count, means, squares)


def draw(config: Config, key: Tensor) -> Draws:
    """The random numbers of a step, by ``jax.random``."""
    batch, size, width = config.train.batch_size, config.data.image_size, config.model.discriminator_width
    rows, dtype = [2 * batch] + [batch] * config.objective.generator_updates, config.compute.precision
    shapes = [(size >> level + 1, size >> level + 1, width << level) for level in range(levels(config))]
    keys = iter(jax.random.split(key, 1 + len(rows) * (2 + len(shapes))))
    return Draws(
        [jax.random.normal(next(keys), (batch, config.model.latent_dim), dtype) for _ in rows],
        [jax.random.normal(next(keys), (count, size, size, 1), dtype) for count in rows],
        jax.random.bernoulli(next(keys), config.objective.label_flip, (2 * batch, 1)),
        [
            [jax.random.bernoulli(next(keys), 1 - dropout_rate(config), (count, *shape)) for shape in shapes]
            for count in rows
        ],
    )


def train_step(config: Config, state: State, images: Tensor, draws: Draws | None) -> tuple[State, Tensor]:
    """One discriminator update and ``generator_updates`` generator updates."""
    objective, dtype, batch = config.objective, config.compute.precision, config.train.batch_size
    key, now = jax.random.split(state.key)
    draws = draw(config, now) if draws is None else draws
    is_real = jnp.arange(2 * batch)[:, None] < batch

    def judge(weights: Weights, images: Tensor, index: int) -> Tensor:
        return discriminate(config, weights, images + objective.instance_noise * draws.noise[index], draws.keep[index])

    def discriminator_loss(weights: Weights, images: Tensor) -> tuple[Tensor, Tensor]:
        logits = judge(weights, images, 0)
        labels = (is_real ^ draws.flipped).astype(dtype) * (1 - objective.label_smoothing)
        return binary_cross_entropy(logits, labels), logits

    def generator_loss(weights: Weights, statistics: Weights, index: int) -> tuple[Tensor, Weights]:
        fake, statistics = generate(config, weights, statistics, draws.latents[index])
        return binary_cross_entropy(judge(discriminator, fake, index), 1.0), statistics

    real = images.astype(dtype) / 127.5 - 1
    fake, statistics = generate(config, state.generator, state.statistics, draws.latents[0])
    (d_loss, logits), gradients = jax.value_and_grad(discriminator_loss, has_aux=True)(
        state.discriminator, jnp.concatenate([real, fake])
    )
    right = ((logits > 0) == is_real).astype(dtype).reshape(2, batch)  # real, fake
    open_gate = jnp.mean(jnp.mean(right, 1)) <= objective.gate_accuracy
    discriminator, discriminator_adam = jax.tree.map(
        partial(jnp.where, open_gate),
        adam_update(config, state.discriminator, state.discriminator_adam, gradients),
        (state.discriminator, state.discriminator_adam),
    )

    generator, generator_adam, g_losses = state.generator, state.generator_adam, []
    for index in range(1, objective.generator_updates + 1):
        (g_loss, statistics), gradients = jax.value_and_grad(generator_loss, has_aux=True)(generator, statistics, index)
        generator, generator_adam = adam_update(config, generator, generator_adam, gradients)
        g_losses.append(g_loss)

    real_chance, fake_chance = jnp.mean(jax.nn.sigmoid(logits).reshape(2, batch), 1)
    metrics = jnp.stack([d_loss, sum(g_losses) / len(g_losses), real_chance, fake_chance, 1 - open_gate.astype(dtype)])
    return State(generator, statistics, discriminator, generator_adam, discriminator_adam, key), metrics


class Peer:
    """The state, between steps."""

    def __init__(self, config: Config, weights: dict[str, NDArray], mode: str = MODES["jax"][0]) -> None:
        check_mode("jax", mode)

        def part(network: str, moving: bool) -> Weights:
            return {
                name.removeprefix(network): jnp.array(value, config.compute.precision)
                for name, value in weights.items()
                if name.startswith(network) and ("/moving_" in name) == moving
            }

        generator, discriminator = part("generator/", False), part("discriminator/", False)
        self._state = State(
            generator,
            part("generator/", True),
            discriminator,
            new_adam(generator),
            new_adam(discriminator),
            jax.random.key(config.train.seed),
        )
        self._step = jax.jit(partial(train_step, config), donate_argnums=0)

    def step(self, images: Tensor, draws: Draws | None = None) -> Tensor:
        self._state, metrics = self._step(self._state, images, draws)
        return metrics

    def describe(self) -> str:
        return "jax.jit of the whole step, its state donated"

    def state(self) -> dict[str, NDArray]:
        state, named = self._state, {}
        for network, weights, adam in (
            ("generator", state.generator, state.generator_adam),
            ("discriminator", state.discriminator, state.discriminator_adam),
        ):
            named[f"{network}/iterations"] = adam.count
            for name in weights:
                named[f"{network}/{name}"] = weights[name]
                named[f"{network}/{name}/momentum"] = adam.means[name]
                named[f"{network}/{name}/velocity"] = adam.squares[name]
        named |= {f"generator/{name}": value for name, value in state.statistics.items()}
        return {name: np.array(value) for name, value in named.items()}


def to_device(array: Any) -> Tensor:
    return jax.device_put(array)
