"""Losses and labels. Everything is on logits: a sigmoid is taken only where a probability is shown."""

from __future__ import annotations

from typing import Any

from keras import ops

Tensor = Any


def binary_cross_entropy(labels: Tensor, logits: Tensor) -> Tensor:
    """Mean of ``-y log s(l) - (1 - y) log(1 - s(l))``, in the form that cannot overflow.

    Written out, since the engines' own functions round differently, and with ``where``, since the gradients of
    ``maximum`` and ``abs`` at zero are not the same on all engines: these are ``sigmoid(l) - y`` there too.
    """
    positive = logits > 0
    above = ops.where(positive, logits, ops.zeros_like(logits))
    return ops.mean(above - logits * labels + ops.log1p(ops.exp(ops.where(positive, -logits, logits))))


def discriminator_labels(batch: int, smoothing: float, flipped: Tensor, dtype: str) -> Tensor:
    """Labels (2 * batch, 1) of a batch of real and then fake images.

    Real ones are 1, fake ones 0; where ``flipped`` (2 * batch, 1) is true they change places; then ones
    become ``1 - smoothing`` (one-sided label smoothing, Salimans et al. 2016).
    """
    real = ops.concatenate([ops.ones((batch, 1), dtype="bool"), ops.zeros((batch, 1), dtype="bool")])
    return ops.cast(ops.logical_xor(real, flipped), dtype) * (1.0 - smoothing)


def accuracy(real_logits: Tensor, fake_logits: Tensor, dtype: str) -> Tensor:
    """Share of a batch that the discriminator gets right, real and fake counted alike."""
    right_real = ops.mean(ops.cast(real_logits > 0, dtype))
    right_fake = ops.mean(ops.cast(fake_logits <= 0, dtype))
    return 0.5 * (right_real + right_fake)
