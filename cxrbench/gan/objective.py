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


def hinge(labels: Tensor, logits: Tensor) -> Tensor:
    """Mean of ``max(0, 1 - l)`` where a label is 1 and ``max(0, 1 + l)`` where it is 0 (Lim & Ye 2017)."""
    margin = 1.0 - ops.where(labels > 0.5, logits, -logits)
    return ops.mean(ops.where(margin > 0, margin, ops.zeros_like(margin)))


def discriminator_loss(kind: str, labels: Tensor, logits: Tensor) -> Tensor:
    """Of labels and logits (N, 1); ``kind`` is that of the settings."""
    return hinge(labels, logits) if kind == "hinge" else binary_cross_entropy(labels, logits)


def generator_loss(kind: str, logits: Tensor) -> Tensor:
    """Of what the discriminator makes of generated images, (N, 1).

    With cross entropy "flipped labels": the generator is rewarded for being called real (Goodfellow et al. 2014).
    """
    return -ops.mean(logits) if kind == "hinge" else binary_cross_entropy(ops.ones_like(logits), logits)


def gradient_penalty(logits: Tensor, pushed: Tensor, distance: float) -> Tensor:
    """Half the mean squared length of the discriminator's gradient, from logits (N, 1) of images and of moved ones.

    The images were moved by ``distance`` times standard normal values v. With the gradient g, ``E (v . g)^2 = |g|^2``,
    so that to first order in the distance the expected value is that of R1 (Mescheder et al. 2018), without a second
    derivative. Lin et al. (2025, arXiv 2501.08316) train with such a difference.
    """
    return 0.5 * ops.mean(ops.square((pushed - logits) / distance))


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
