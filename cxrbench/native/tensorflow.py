"""TensorFlow: variables in ``tf.Module``s, one ``tf.function`` for the whole step."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from cxrbench.config import Config
from cxrbench.native import BATCH_NORM_EPSILON, MODES, Draws, check_mode, dropout_rate, levels

Tensor = Any


class Network(tf.Module):
    """The variables of one network by Keras's names."""

    def __init__(self, config: Config, weights: dict[str, NDArray]) -> None:
        super().__init__()
        self.config = config
        self.trained: dict[str, tf.Variable] = {}
        self.statistics: dict[str, tf.Variable] = {}  # of batch normalizations
        for name, value in weights.items():
            moving = "/moving_" in name
            variable = tf.Variable(value, dtype=config.compute.precision, trainable=not moving)
            (self.statistics if moving else self.trained)[name] = variable


class Generator(Network):
    """Latents (B, latent_dim) -> images (B, H, W, 1) in [-1, 1]."""

    def __call__(self, latents: Tensor) -> Tensor:
        base, weights = self.config.model.base_size, self.trained
        hidden = tf.reshape(latents @ weights["dense/kernel"], (latents.shape[0], base, base, -1))
        for level in range(levels(self.config)):
            if level:
                hidden = self._upsample(hidden, weights[f"up_{level - 1}/kernel"])
            hidden = tf.nn.relu(self._normalize(hidden, f"norm_{level}"))
        return tf.tanh(tf.nn.bias_add(self._upsample(hidden, weights["image/kernel"]), weights["image/bias"]))

    def _upsample(self, hidden: Tensor, kernel: Tensor) -> Tensor:
        count, height, width, _ = hidden.shape
        return tf.nn.conv2d_transpose(hidden, kernel, (count, 2 * height, 2 * width, kernel.shape[2]), 2)

    def _normalize(self, hidden: Tensor, name: str) -> Tensor:
        scale, offset = self.trained[f"{name}/gamma"], self.trained[f"{name}/beta"]
        if hidden.dtype == tf.float32:
            # Forward and backward in half the time of the ops below on a CPU, but for float32 alone, and with
            # the unbiased variance.
            normal, mean, variance = tf.compat.v1.nn.fused_batch_norm(hidden, scale, offset, epsilon=BATCH_NORM_EPSILON)
            count = int(np.prod(hidden.shape[:3]))
            variance *= (count - 1) / count
        else:
            mean, variance = tf.nn.moments(hidden, (0, 1, 2))
            normal = tf.nn.batch_normalization(hidden, mean, variance, offset, scale, BATCH_NORM_EPSILON)
        for kind, new in (("moving_mean", mean), ("moving_variance", variance)):
            moving = self.statistics[f"{name}/{kind}"]
            moving.assign_sub((1 - self.config.model.batch_norm_momentum) * (moving - new))
        return normal


class Discriminator(Network):
    """Images (B, H, W, 1) -> logits (B, 1)."""

    def __call__(self, images: Tensor, keep: list[Tensor] | None = None) -> Tensor:
        hidden, weights, rate = images, self.trained, dropout_rate(self.config)
        for level in range(levels(self.config)):
            hidden = tf.nn.conv2d(hidden, weights[f"down_{level}/kernel"], 2, "SAME")
            hidden = tf.nn.bias_add(hidden, weights[f"down_{level}/bias"])
            hidden = self._leaky_relu(hidden)
            if keep is None:
                hidden = tf.nn.dropout(hidden, rate)
            else:
                hidden = tf.where(keep[level], hidden / (1 - rate), tf.zeros_like(hidden))
        return tf.reshape(hidden, (hidden.shape[0], -1)) @ weights["logit/kernel"] + weights["logit/bias"]

    def _leaky_relu(self, hidden: Tensor) -> Tensor:
        slope = self.config.model.leaky_slope
        if hidden.dtype == tf.float32:
            return tf.nn.leaky_relu(hidden, slope)
        return tf.where(hidden > 0, hidden, slope * hidden)  # tf.nn.leaky_relu rounds its slope to float32


class Adam(tf.Module):
    """Adam with epsilon outside of the bias correction, as in Keras and in TensorFlow's own kernel."""

    def __init__(self, config: Config, weights: dict[str, tf.Variable]) -> None:
        super().__init__()
        self.settings = config.optimizer
        self.weights = weights
        self.means = {name: tf.Variable(tf.zeros_like(weight)) for name, weight in weights.items()}
        self.squares = {name: tf.Variable(tf.zeros_like(weight)) for name, weight in weights.items()}
        self.iterations = tf.Variable(0, dtype=tf.int64)

    def apply(self, gradients: dict[str, Tensor]) -> None:
        settings, time = self.settings, self.iterations.assign_add(1)
        for name, gradient in gradients.items():
            # One pass over memory: less than half the time of the same in single ops, on a CPU.
            tf.raw_ops.ResourceApplyAdam(
                var=self.weights[name].handle,
                m=self.means[name].handle,
                v=self.squares[name].handle,
                beta1_power=settings.beta_1 ** tf.cast(time, gradient.dtype),
                beta2_power=settings.beta_2 ** tf.cast(time, gradient.dtype),
                lr=settings.learning_rate,
                beta1=settings.beta_1,
                beta2=settings.beta_2,
                epsilon=settings.epsilon,
                grad=gradient,
            )


class Peer(tf.Module):
    """The state, between steps."""

    def __init__(self, config: Config, weights: dict[str, NDArray], mode: str = MODES["tensorflow"][0]) -> None:
        super().__init__()
        self.config, self.mode = config, check_mode("tensorflow", mode)
        self.dtype = config.compute.precision
        tf.random.set_seed(config.train.seed)

        def part(network: str) -> dict[str, NDArray]:
            return {name.removeprefix(network): value for name, value in weights.items() if name.startswith(network)}

        self.generator = Generator(config, part("generator/"))
        self.discriminator = Discriminator(config, part("discriminator/"))
        self.generator_adam = Adam(config, self.generator.trained)
        self.discriminator_adam = Adam(config, self.discriminator.trained)
        self.step = tf.function(self._step, autograph=False, jit_compile=True if self.mode == "xla" else None)

    def describe(self) -> str:
        return "tf.function of the whole step" + (", compiled by XLA" if self.mode == "xla" else "")

    def _step(self, images: Tensor, draws: Draws | None = None) -> Tensor:
        """One discriminator update and ``generator_updates`` generator updates."""
        draws = self._draw() if draws is None else draws
        real = tf.cast(images, self.dtype) / 127.5 - 1
        d_loss, logits, skipped = self._update_discriminator(real, draws)
        g_losses = [self._update_generator(draws, index + 1) for index in range(len(draws.latents) - 1)]
        real_chance, fake_chance = tf.unstack(tf.reduce_mean(tf.reshape(tf.sigmoid(logits), (2, -1)), 1))
        g_loss = tf.add_n(g_losses) / len(g_losses)
        return tf.stack([d_loss, g_loss, real_chance, fake_chance, tf.cast(skipped, self.dtype)])

    def state(self) -> dict[str, NDArray]:
        named = {}
        for name, network, adam in (
            ("generator", self.generator, self.generator_adam),
            ("discriminator", self.discriminator, self.discriminator_adam),
        ):
            named[f"{name}/iterations"] = adam.iterations
            named |= {f"{name}/{key}": variable for key, variable in network.statistics.items()}
            for key, variable in network.trained.items():
                named[f"{name}/{key}"] = variable
                named[f"{name}/{key}/momentum"] = adam.means[key]
                named[f"{name}/{key}/velocity"] = adam.squares[key]
        return {name: np.array(variable) for name, variable in named.items()}

    def _update_discriminator(self, real: Tensor, draws: Draws) -> tuple[Tensor, Tensor, Tensor]:
        images = tf.concat([real, self.generator(draws.latents[0])], 0)
        is_real = tf.range(images.shape[0])[:, None] < real.shape[0]
        labels = tf.cast(is_real ^ draws.flipped, self.dtype) * (1 - self.config.objective.label_smoothing)
        weights = self.discriminator.trained
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits = self._judge(images, draws, 0)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))
        gradients = tape.gradient(loss, weights)
        right = tf.reshape(tf.cast((logits > 0) == is_real, self.dtype), (2, -1))  # real, fake
        skipped = tf.reduce_mean(tf.reduce_mean(right, 1)) > self.config.objective.gate_accuracy
        tf.cond(skipped, lambda: None, lambda: self.discriminator_adam.apply(gradients))
        return loss, logits, skipped

    def _update_generator(self, draws: Draws, index: int) -> Tensor:
        weights = self.generator.trained
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            logits = self._judge(self.generator(draws.latents[index]), draws, index)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(tf.ones_like(logits), logits))
        self.generator_adam.apply(tape.gradient(loss, weights))
        return loss

    def _judge(self, images: Tensor, draws: Draws, index: int) -> Tensor:
        noisy = images + self.config.objective.instance_noise * draws.noise[index]
        return self.discriminator(noisy, draws.keep[index])

    def _draw(self) -> Draws:
        """The random numbers of a step, by TensorFlow's own functions; dropout is left to ``tf.nn.dropout``."""
        batch, size, objective = self.config.train.batch_size, self.config.data.image_size, self.config.objective
        rows = [2 * batch] + [batch] * objective.generator_updates
        return Draws(
            [tf.random.normal((batch, self.config.model.latent_dim), dtype=self.dtype) for _ in rows],
            [tf.random.normal((count, size, size, 1), dtype=self.dtype) for count in rows],
            tf.random.uniform((2 * batch, 1)) < objective.label_flip,
            [None] * len(rows),
        )


def to_device(array: Any) -> Tensor:
    return tf.convert_to_tensor(array)
