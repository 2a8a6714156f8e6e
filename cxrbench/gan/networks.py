"""The generator and the discriminator of the DCGAN (Radford et al. 2016), grayscale."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from cxrbench.config import ModelConfig
from cxrbench.gan.convolutions import DownConv2D, UpConv2D
from cxrbench.gan.layers import BatchNormalization, Forms, leaky_dropout
from cxrbench.gan.randomness import MASK_LEVELS

Tensor = Any
INITIAL_DEVIATION = 0.02  # DCGAN paper


def build_generator(model: ModelConfig, image_size: int, forms: Forms, name: str = "generator") -> keras.Model:
    """Latents (B, latent_dim) -> images (B, image_size, image_size, 1) in [-1, 1].

    Dense to the base grid, then transposed convolutions that double the grid and halve the channels;
    batch normalization and ReLU between them, tanh at the end.
    """
    width, base = model.generator_width, model.base_size
    doublings = round(math.log2(image_size / base))
    network = keras.Sequential(name=name)
    network.add(layers.Input((model.latent_dim,)))
    network.add(layers.Dense(base * base * width, use_bias=False, name="dense"))
    network.add(layers.Reshape((base, base, width)))
    for level in range(doublings):
        network.add(BatchNormalization(forms, momentum=model.batch_norm_momentum, name=f"norm_{level}"))
        network.add(layers.ReLU())
        if level < doublings - 1:
            width //= 2
            network.add(UpConv2D(width, model.kernel_size, forms.upsampling(width), name=f"up_{level}"))
    network.add(UpConv2D(1, model.kernel_size, forms.upsampling(1), use_bias=True, name="image"))
    network.add(layers.Activation("tanh", dtype=keras.config.floatx(), name="tanh"))  # also where layers are bfloat16
    return network


class Discriminator(keras.Model):
    """Images (B, H, W, 1) -> logits (B, 1), positive where an image looks real.

    Strided convolutions that halve the grid and double the channels, down to the base grid, each with
    LeakyReLU and dropout. The dropout masks come from outside (``keep``), since every random number of
    a step is drawn in one place; without them the network is in inference.
    """

    def __init__(self, model: ModelConfig, image_size: int, forms: Forms):
        super().__init__(name="discriminator")
        width, halvings = model.discriminator_width, round(math.log2(image_size / model.base_size))
        self.convolutions = []
        for level in range(halvings):
            form = forms.downsampling(width * 2 ** (level - 1) if level else 1)
            filters, size = width * 2**level, model.kernel_size
            self.convolutions.append(DownConv2D(filters, size, form, model.spectral_norm, name=f"down_{level}"))
        self.spectral = model.spectral_norm
        self.dropped = round(model.dropout * MASK_LEVELS)
        self.activate = forms.fuse(leaky_dropout(model.leaky_slope, self.dropped))
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
            values = convolution(hidden, training=keep is not None)
            bias = ops.cast(convolution.bias, values.dtype)
            hidden = self.activate(values, bias, None if keep is None else keep[level])
            features.append(hidden)
        return features

    def call(self, images: Tensor, keep: list[Tensor] | None = None) -> Tensor:
        features = self.flatten(self.features(images, keep)[-1])
        logits = self._normalized_logit(features) if self.spectral else self.logit(features)
        return ops.cast(logits, keras.config.floatx())

    def _normalized_logit(self, features: Tensor) -> Tensor:
        """The one singular value of a matrix of one column is its length: no iteration is needed."""
        length = ops.sqrt(ops.sum(ops.square(ops.cast(self.logit.kernel.value, keras.config.floatx()))))
        return self.logit(features / ops.cast(length, features.dtype))


def build_discriminator(model: ModelConfig, image_size: int, forms: Forms) -> Discriminator:
    """The discriminator, with its variables made."""
    network = Discriminator(model, image_size, forms)
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
