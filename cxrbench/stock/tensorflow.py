"""TensorFlow, after "Customizing what happens in fit() with TensorFlow": a tape, in the graph that ``fit`` makes."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from numpy.typing import NDArray

from cxrbench.gan.dcgan import from_uint8
from cxrbench.stock.networks import GAN

Tensor = Any


class StockGAN(GAN):
    """``train_step`` is called while Keras traces its own ``tf.function``, so the gate is a ``tf.cond``."""

    def train_step(self, data: tuple[Tensor]) -> dict[str, Tensor]:
        (images,) = data
        real = from_uint8(images, keras.config.floatx())
        latents, labels = self.draw(real.shape[0])

        combined = tf.concat([real, self.generator(latents[0], training=True)], 0)
        with tf.GradientTape() as tape:
            logits = self.discriminator(combined, training=True)
            d_loss = self.loss_fn(labels, logits)
        weights = self.discriminator.trainable_weights
        gradients = tape.gradient(d_loss, weights)
        tf.cond(self.gate_is_open(logits), lambda: self.d_optimizer.apply(gradients, weights), lambda: None)
        self.d_loss_tracker.update_state(d_loss)

        for batch in latents[1:]:
            self.g_loss_tracker.update_state(self._update_generator(batch))
        return {metric.name: metric.result() for metric in self.metrics}

    def _update_generator(self, latents: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            logits = self.discriminator(self.generator(latents, training=True), training=True)
            loss = self.loss_fn(tf.ones_like(logits), logits)
        weights = self.generator.trainable_weights
        self.g_optimizer.apply(tape.gradient(loss, weights), weights)
        return loss


def describe(model: StockGAN) -> str:
    return f"tf.function, {'XLA' if model.jit_compile else 'no XLA'}"


def batches(images: NDArray) -> tf.data.Dataset:
    # A PyDataset would be called back from the graph at every step (`from_generator`), would fight for Python's lock
    # with the loop of `fit`, and would hide the size of a batch from the graph.
    return tf.data.Dataset.from_tensor_slices((images,)).repeat().prefetch(tf.data.AUTOTUNE)
