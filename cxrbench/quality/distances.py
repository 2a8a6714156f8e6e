"""Distances between sets of feature vectors, by matrix products and in blocks of rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cxrbench.quality.images import QualityError, Reals

ROWS = 512  # of the matrix of distances at a time: against 4,000 others 16 MB
ROUNDING = 1e-12  # of the squared lengths: what is nearer than this is the same vector


def distances(queries: Reals, others: Reals) -> Iterator[tuple[slice, Reals]]:
    """Euclidean distances of (N, D) to (M, D) vectors: some of the rows, and (rows, M) float64.

    Raises:
        QualityError: a number is not finite.
    """
    queries, others = (one.astype(np.float64, copy=False) for one in (queries, others))
    refuse_what_is_not_finite(queries, others)
    lengths, other_lengths = (np.einsum("nd,nd->n", one, one) for one in (queries, others))
    for start in range(0, len(queries), ROWS):
        rows = slice(start, start + ROWS)
        sums = lengths[rows, None] + other_lengths
        squares = sums - 2 * (queries[rows] @ others.T)
        squares[squares < ROUNDING * sums] = 0
        yield rows, np.sqrt(squares)


def nearest(queries: Reals, others: Reals) -> Reals:
    """(N,) distances of (N, D) vectors to the nearest of (M, D) others."""
    return np.concatenate([apart.min(axis=1) for _, apart in distances(queries, others)])


def nearest_places(queries: Reals, others: Reals) -> np.ndarray:
    """(N,) int64: which of the others is the nearest."""
    return np.concatenate([apart.argmin(axis=1) for _, apart in distances(queries, others)])


def radii(features: Reals, k: int) -> Reals:
    """(N,) distances of every vector to its k-th nearest other one of the same set."""
    found = []
    for _, apart in distances(features, features):
        found.append(np.partition(apart, k, axis=1)[:, k])  # the nearest of all is itself
    return np.concatenate(found)


def refuse_what_is_not_finite(*sets: Reals) -> None:
    """Features of a network that went wrong are refused.

    Raises:
        QualityError: a number is not finite.
    """
    if not all(np.isfinite(one).all() for one in sets):
        raise QualityError("features: some are not finite; the network that made the images or features diverged")
