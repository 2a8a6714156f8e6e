"""Fréchet distance between Gaussians fitted to two sets of features.

On features of simple pixels it is **not** FID, which is defined on Inception-v3's pool3 features only.
"""

from __future__ import annotations

import numpy as np

from cxrbench.quality.images import Images, QualityError, Reals, area_means
from cxrbench.quality.registry import Measured, metric


@metric(
    "frechet_pooled8",
    label="Fréchet distance of 8x8 area means (not FID)",
    unit="gray levels²",
    against="reference",
    good="lower",
)
def frechet_pooled8(images: Images, reference: Images, seed: int) -> Measured:
    """Fréchet distance between Gaussians fitted to the 8x8 area means of the images. These are coarse brightness
    layouts and not Inception features: this is not FID, compares with no published FID, and is blind to fine detail.

    It falls with N, so it is comparable at equal N only, and has no bootstrap interval for the same reason.
    """
    return Measured(frechet_distance_of_samples(area_means(images, 8), area_means(reference, 8)))


def frechet_distance_of_samples(a: Reals, b: Reals) -> float:
    """Fréchet distance between Gaussians fitted to (N, D) and (M, D) float64 features, N and M at least 2."""
    return frechet_distance(a.mean(axis=0), np.cov(a, rowvar=False), b.mean(axis=0), np.cov(b, rowvar=False))


def frechet_distance(mean_a: Reals, covariance_a: Reals, mean_b: Reals, covariance_b: Reals) -> float:
    """``|m_a - m_b|² + tr(A + B - 2 (A B)^(1/2))``, in the squared unit of the features.

    The trace of the root is the sum of the roots of the eigenvalues of ``A^(1/2) B A^(1/2)``, which is symmetric and
    has the eigenvalues of ``A B``: no matrix root of a non-symmetric product, no imaginary parts.

    Args:
        mean_a, mean_b: (D,) float64.
        covariance_a, covariance_b: (D, D) float64, positive semi-definite.

    Raises:
        QualityError: a number is not finite.

    Source: Dowson and Landau 1982.
    """
    if not all(np.isfinite(part).all() for part in (mean_a, covariance_a, mean_b, covariance_b)):
        raise QualityError("features: some are not finite; the network that made the images or features diverged")
    eigenvalues, eigenvectors = np.linalg.eigh(covariance_a)
    root_a = (eigenvectors * np.sqrt(eigenvalues.clip(min=0))) @ eigenvectors.T
    trace_of_root = np.sqrt(np.linalg.eigvalsh(root_a @ covariance_b @ root_a).clip(min=0)).sum()
    shift = mean_a - mean_b
    distance = shift @ shift + np.trace(covariance_a) + np.trace(covariance_b) - 2 * trace_of_root
    return max(float(distance), 0.0)  # equal sets: rounding alone may fall below zero
