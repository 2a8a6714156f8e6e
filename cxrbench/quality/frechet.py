"""Fréchet distance between Gaussians fitted to two sets of features: FID on Inception-v3's, and on no others."""

from __future__ import annotations

import numpy as np

from cxrbench.quality.distances import refuse_what_is_not_finite
from cxrbench.quality.images import Reals
from cxrbench.quality.intervals import Kept, Measured, jackknifed
from cxrbench.quality.registry import metric
from cxrbench.quality.sets import Sets


@metric(
    "f{i}d_{space}_n{n}",
    label="F{I}D, {space_label}, N = {n}",
    unit="feature units²",
    against="reference",
    good="lower",
    over="space",
)
def frechet_distance_of_features(sets: Sets, space: str) -> Measured:
    """Fréchet distance to the held-out images in a space of features. It falls with N, for real images too: compare it
    at equal N alone, and below N = 2,048 with no published figure.
    """
    images, reference = sets.features(space, "images"), sets.features(space, "reference")

    def distance(kept: Kept) -> float:
        return frechet_distance_of_samples(images[kept], reference[kept])

    return jackknifed(distance, len(images), sets.seed, least=0.0)


def frechet_distance_of_samples(a: Reals, b: Reals) -> float:
    """``|m_a - m_b|² + tr(A + B - 2 (A B)^(1/2))``, in the squared unit of the features.

    The covariances A and B are ``X^T X`` of the centred features divided by the root of N - 1. So the eigenvalues of
    ``A B`` are the squared singular values of ``X_a X_b^T``, whose sum is the trace of the root: no matrix root, no
    imaginary parts, and N by N numbers where D by D would be more.

    Args:
        a, b: (N, D) and (M, D) features, N and M at least 2.

    Raises:
        QualityError: a number is not finite.

    Source: Dowson and Landau 1982 (the distance); Heusel et al. 2017 (on Inception's features: FID).
    """
    a, b = a.astype(np.float64), b.astype(np.float64)  # float32 is off by half a unit of FID
    refuse_what_is_not_finite(a, b)
    shift = a.mean(axis=0) - b.mean(axis=0)
    first, second = _centred(a), _centred(b)
    if len(a) > a.shape[1]:  # D by D is less then, and the R of X = Q R has the same products
        first, second = _triangular(first), _triangular(second)
    trace_of_root = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    distance = shift @ shift + (first**2).sum() + (second**2).sum() - 2 * trace_of_root
    return max(float(distance), 0.0)  # equal sets: rounding alone may fall below zero


def _triangular(features: Reals) -> Reals:
    """R of ``X = Q R``."""
    return np.asarray(np.linalg.qr(features, mode="r"))


def _centred(features: Reals) -> Reals:
    """Whose ``X^T X`` is the unbiased covariance."""
    return (features - features.mean(axis=0)) / np.sqrt(len(features) - 1)
