"""The two networks in plain Keras layers, and what the models of the guides have in common on all backends."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import layers, ops

from cxrbench.config import Config
from cxrbench.errors import RunError
from cxrbench.gan.networks import draw_initial_weights
from cxrbench.gan.objective import accuracy, discriminator_labels
from cxrbench.native import dropout_rate, levels

Tensor = Any
MOST_NOISE = 1.0  # that ``GaussianNoise`` takes

HALVE: dict[str, Any] = {"strides": 2, "padding": "same", "data_format": "channels_last"}


def build_generator(config: Config) -> keras.Sequential:
    """Latents (B, latent_dim) -> images (B, H, W, 1) in [-1, 1], with the weights that ``gan`` starts from."""
    model, width = config.model, config.model.generator_width
    shape: dict[str, Any] = {"kernel_size": model.kernel_size, **HALVE}
    network = keras.Sequential(name="generator")
    network.add(layers.Input((model.latent_dim,)))
    network.add(layers.Dense(model.base_size**2 * width, use_bias=False, name="dense"))
    network.add(layers.Reshape((model.base_size, model.base_size, width)))
    for level in range(levels(config)):
        if level:
            width //= 2
            network.add(layers.Conv2DTranspose(width, use_bias=False, name=f"up_{level - 1}", **shape))
        network.add(layers.BatchNormalization(momentum=model.batch_norm_momentum, name=f"norm_{level}"))
        network.add(layers.ReLU())
    network.add(layers.Conv2DTranspose(1, name="image", **shape))
    network.add(layers.Activation("tanh", dtype=keras.config.floatx(), name="tanh"))  # also where layers are bfloat16
    draw_initial_weights(network, config.train.seed, 0)
    return network


def build_discriminator(config: Config) -> keras.Sequential:
    """Images (B, H, W, 1) -> logits (B, 1), with the weights that ``gan`` starts from.

    The instance noise is a layer too: like dropout, it acts in training alone.
    """
    model, size = config.model, config.data.image_size
    network = keras.Sequential(name="discriminator")
    network.add(layers.Input((size, size, 1)))
    network.add(layers.GaussianNoise(config.objective.instance_noise))
    for level in range(levels(config)):
        width = model.discriminator_width << level
        network.add(layers.Conv2D(width, model.kernel_size, name=f"down_{level}", **HALVE))
        network.add(layers.LeakyReLU(model.leaky_slope))
        # No seed: with one, Keras on PyTorch leaves the engine's own dropout for a slower one.
        network.add(layers.Dropout(dropout_rate(config)))
    network.add(layers.Flatten())
    network.add(layers.Dense(1, name="logit"))
    draw_initial_weights(network, config.train.seed, 1)
    return network


class GAN(keras.Model):
    """Both networks, their optimizers and the means of their losses; a backend's file adds ``train_step``.

    Raises:
        RunError: the configured instance noise is more than Keras's layer takes.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(name="stock_gan")
        self.objective, self.latent_dim = config.objective, config.model.latent_dim
        if self.objective.instance_noise > MOST_NOISE:
            raise RunError(
                f"objective.instance_noise: {self.objective.instance_noise} is more than keras.layers.GaussianNoise "
                f"takes, which keras-fit uses; lower it to {MOST_NOISE}"
            )
        self.discriminator = build_discriminator(config)
        self.generator = build_generator(config)
        self.seed_generator = keras.random.SeedGenerator(config.train.seed)
        self.built = True  # both networks are, and ``fit`` must not try it by itself

    def compile(
        self,
        d_optimizer: keras.optimizers.Optimizer,
        g_optimizer: keras.optimizers.Optimizer,
        loss_fn: keras.losses.Loss,
        jit_compile: bool | Literal["auto"],
    ) -> None:
        """As the guides do, with Keras's defaults, but no unused optimizer: its slots would take memory."""
        super().compile(optimizer=None, jit_compile=jit_compile)
        self.asked_to_compile = jit_compile  # Keras keeps only what it made of it
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn
        self.d_optimizer.build(self.discriminator.trainable_variables)
        self.g_optimizer.build(self.generator.trainable_variables)
        self.d_loss_tracker = keras.metrics.Mean(name="d_loss")
        self.g_loss_tracker = keras.metrics.Mean(name="g_loss")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.d_loss_tracker, self.g_loss_tracker]

    def draw(self, batch: int) -> tuple[list[Tensor], Tensor]:
        """Latents (B, latent_dim) for each run of the generator, and labels (2B, 1) of real and then fake images."""
        runs = 1 + self.objective.generator_updates
        latents = [keras.random.normal((batch, self.latent_dim), seed=self.seed_generator) for _ in range(runs)]
        flipped = keras.random.uniform((2 * batch, 1), seed=self.seed_generator) < self.objective.label_flip
        return latents, discriminator_labels(batch, self.objective.label_smoothing, flipped, keras.config.floatx())

    def gate_is_open(self, logits: Tensor) -> Tensor:
        """Whether the discriminator may learn from these logits (2B, 1) of real and then fake images; boolean."""
        real, fake = ops.split(logits, 2)
        return accuracy(real, fake, keras.config.floatx()) <= self.objective.gate_accuracy
