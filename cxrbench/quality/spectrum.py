"""The power spectrum of a set of images: a checkerboard is a peak at its end, and blur a slope that falls too early."""

from __future__ import annotations

import numpy as np

from cxrbench.quality.images import BLOCK, Images, Reals


def power_spectrum(images: Images) -> Reals:
    """Mean power of (N, H, W) images over all directions, by spatial frequency.

    The mean of every image is taken off and its border faded out (Hann window), since a step at the border has every
    frequency.

    Returns:
        (min(H, W) // 2,) float64 in decibels: of 1, 2, ... cycles per image side.
    """
    height, width = images.shape[1:]
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.zeros((height, width // 2 + 1))
    for start in range(0, len(images), BLOCK):
        block = images[start : start + BLOCK].astype(np.float64)
        block = (block - block.mean(axis=(1, 2), keepdims=True)) * window
        power += (np.abs(np.fft.rfft2(block)) ** 2).sum(axis=0)
    rows, columns = np.fft.fftfreq(height) * height, np.fft.rfftfreq(width) * width
    ring = np.rint(np.hypot(rows[:, None], columns)).astype(int)
    finest = min(height, width) // 2
    sums = np.bincount(ring.ravel(), power.ravel())[1 : finest + 1]
    counts = np.bincount(ring.ravel())[1 : finest + 1]
    return np.round(10 * np.log10(sums / counts / len(images) + 1e-12), 4)
