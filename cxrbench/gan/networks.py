"""The generator and the discriminator of the DCGAN (Radford et al. 2016), grayscale."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from cxrbench.config import ModelConfig
from cxrbench.gan.layers import FormFor, MaskedDropout, UpConv2D
from cxrbench.gan.randomness import MASK_LEVELS

Tensor = Any
INITIAL_DEVIATION = 0.02  # DCGAN paper
HALVE: dict[str, Any] = {"strides": 2, "padding": "same", "data_format": "channels_last"}


def build_generator(model: ModelConfig, image_size: int, form_for: FormFor) -> keras.Model:
    """Latents (B, latent_dim) -> images (B, image_size, image_size, 1) in [-1, 1].

    Dense to the base grid, then transposed convolutions that double the grid and halve the channels;
    batch normalization and ReLU between them, tanh at the end.
    """
    width, base = model.generator_width, model.base_size
    doublings = round(math.log2(image_size / base))
    network = keras.Sequential(name="generator")
    network.add(layers.Input((model.latent_dim,)))
    network.add(layers.Dense(base * base * width, use_bias=False, name="dense"))
    network.add(layers.Reshape((base, base, width)))
    for level in range(doublings):
        network.add(layers.BatchNormalization(momentum=model.batch_norm_momentum, name=f"norm_{level}"))
        network.add(layers.ReLU())
        if level < doublings - 1:
            width //= 2
            network.add(UpConv2D(width, model.kernel_size, form_for(width), name=f"up_{level}"))
    network.add(UpConv2D(1, model.kernel_size, form_for(1), use_bias=True, name="image"))
    network.add(layers.Activation("tanh", dtype=keras.config.floatx(), name="tanh"))  # also where layers are bfloat16
    return network


@keras.saving.register_keras_serializable("cxrbench")
class Discriminator(keras.Model):
    """Images (B, H, W, 1) -> logits (B, 1), positive where an image looks real.

    Strided convolutions that halve the grid and double the channels, down to the base grid, each with
    LeakyReLU and dropout. The dropout masks come from outside (``keep``), since every random number of
    a step is drawn in one place; without them the network is in inference.
    """

    def __init__(self, image_size: int, base_size: int, width: int, kernel_size: int, slope: float, dropped: int):
        super().__init__(name="discriminator")
        self.settings = {
            "image_size": image_size,
            "base_size": base_size,
            "width": width,
            "kernel_size": kernel_size,
            "slope": slope,
            "dropped": dropped,
        }
        halvings = round(math.log2(image_size / base_size))
        self.convolutions = [
            layers.Conv2D(width * 2**level, kernel_size, name=f"down_{level}", **HALVE) for level in range(halvings)
        ]
        self.slope = slope
        self.dropout = MaskedDropout(dropped)
        self.flatten = layers.Flatten()
        self.logit = layers.Dense(1, name="logit")
        self.mask_shapes = [
            (image_size >> (level + 1), image_size >> (level + 1), width * 2**level) for level in range(halvings)
        ]

    def build(self, input_shape: tuple[Any, ...]) -> None:
        shape = input_shape
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = convolution.compute_output_shape(shape)
        self.logit.build((None, math.prod(shape[1:])))

    def features(self, images: Tensor, keep: list[Tensor] | None = None) -> list[Tensor]:
        """What every convolution hands on, each (B, H / 2^level, W / 2^level, C)."""
        hidden, features = images, []
        for level, convolution in enumerate(self.convolutions):
            hidden = convolution(hidden)
            hidden = ops.where(hidden > 0, hidden, self.slope * hidden)  # LeakyReLU, one gradient at zero for all
            if keep is not None:
                hidden = self.dropout(hidden, keep=keep[level])
            features.append(hidden)
        return features

    def call(self, images: Tensor, keep: list[Tensor] | None = None) -> Tensor:
        return ops.cast(self.logit(self.flatten(self.features(images, keep)[-1])), keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        return dict(self.settings)


def build_discriminator(model: ModelConfig, image_size: int) -> Discriminator:
    """The discriminator, with its variables made."""
    network = Discriminator(
        image_size,
        model.base_size,
        model.discriminator_width,
        model.kernel_size,
        model.leaky_slope,
        round(model.dropout * MASK_LEVELS),
    )
    network.build((None, image_size, image_size, 1))
    return network


def draw_initial_weights(network: keras.Model, seed: int, which: int) -> None:
    """Set kernels to N(0, 0.02), BatchNorm scales to N(1, 0.02) and the rest to zero, as DCGAN does.

    NumPy draws them, so that every backend starts from the same bits; the backends' own initializers
    give different weights from the same seed.
    """
    # Mixed, not added: else one network of a seed would share its numbers with the other of the next seed.
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, which])))
    for variable in network.trainable_variables:
        kind = variable.path.rsplit("/", 1)[-1]
        mean, deviation = {"kernel": (0.0, INITIAL_DEVIATION), "gamma": (1.0, INITIAL_DEVIATION)}.get(kind, (0.0, 0.0))
        variable.assign(mean + deviation * generator.standard_normal(variable.shape))
