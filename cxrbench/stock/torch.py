"""PyTorch, after "Customizing what happens in fit() with PyTorch": ``backward`` and Keras's optimizer, eagerly."""

from __future__ import annotations

from typing import Any

import keras
import torch
from numpy.typing import NDArray

from cxrbench.gan.dcgan import from_uint8
from cxrbench.stock import ResidentBatches
from cxrbench.stock.networks import GAN

Tensor = Any


class StockGAN(GAN):
    """Run as it is written, so the gate is an ``if``, which reads its condition back from the device."""

    def train_step(self, data: tuple[Tensor]) -> dict[str, Tensor]:
        (images,) = data
        real = from_uint8(images, keras.config.floatx())
        latents, labels = self.draw(real.shape[0])

        with torch.no_grad():
            combined = torch.cat([real, self.generator(latents[0], training=True)])
        logits = self.discriminator(combined, training=True)
        d_loss = self.loss_fn(labels, logits)
        if self.gate_is_open(logits):
            self._descend(d_loss, self.discriminator, self.d_optimizer)
        self.d_loss_tracker.update_state(d_loss.detach())

        for batch in latents[1:]:
            logits = self.discriminator(self.generator(batch, training=True), training=True)
            g_loss = self.loss_fn(torch.ones_like(logits), logits)
            self._descend(g_loss, self.generator, self.g_optimizer)
            self.g_loss_tracker.update_state(g_loss.detach())
        return {metric.name: metric.result() for metric in self.metrics}

    def _descend(self, loss: Tensor, network: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """Update one network; as in the guide, gradients of the other are computed on the way, and dropped."""
        self.zero_grad()
        loss.backward()
        weights = network.trainable_weights
        with torch.no_grad():
            optimizer.apply([weight.value.grad for weight in weights], weights)


def describe(model: StockGAN) -> str:
    return "torch.compile" if model.jit_compile else "eager"


def batches(images: NDArray) -> ResidentBatches:
    return ResidentBatches(images)
