"""A plane through a space of features, on which real and generated images are seen as points."""

from __future__ import annotations

from typing import Any

import numpy as np

from cxrbench.quality.images import QualityError, Reals
from cxrbench.quality.sets import Sets
from cxrbench.quality.spaces import PIXELS


def feature_map(sets: Sets) -> dict[str, Any]:
    """The two directions in which the held-out images vary most (principal components): the same for every backend.

    In the first space that can be had here; pixels can always.
    """
    for space in [*sets.spaces, PIXELS.name]:
        try:
            images, reference = sets.features(space, "images"), sets.features(space, "reference")
        except QualityError:
            continue
        break
    axes, explained = principal_plane(reference)
    middle = reference.mean(axis=0)
    points = {
        name: np.round((one - middle) @ axes.T, 4).tolist()
        for name, one in (("generated", images), ("reference", reference))
    }
    return {"space": space, "explained": explained, **points}


def principal_plane(features: Reals) -> tuple[Reals, float]:
    """The first two principal components of (N, D) features, (2, D), and the share of the variance that they have."""
    centred = (features - features.mean(axis=0)).astype(np.float64)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    # Either direction of an axis is right; the one with its largest part above zero is the same everywhere.
    signs = np.sign(np.take_along_axis(axes[:2], np.abs(axes[:2]).argmax(axis=1)[:, None], axis=1))
    variance = singular**2
    return axes[:2] * signs, float(variance[:2].sum() / max(variance.sum(), 1e-12))
