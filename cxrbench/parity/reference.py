"""The random stream once more, in NumPy's unsigned integers: what every backend's bits are compared with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
WORDS = 1000  # of one purpose and step, that are compared
SHOWN_PURPOSE, SHOWN_STEP = 1, 7  # of which the normal and uniform values are compared, too

# Random123 1.14, tests/kat_vectors: threefry2x32 with 20 rounds: counter, key, result.
PUBLISHED = (
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
)


def threefry2x32(key: tuple[int, int], counter: tuple[Words, Words]) -> tuple[Words, Words]:
    """Threefry-2x32 with 20 rounds (Salmon et al. 2011): two uint32 arrays, of the shape of the counters."""
    with np.errstate(over="ignore"):
        schedule = [np.uint32(key[0]), np.uint32(key[1]), np.uint32(key[0] ^ key[1] ^ 0x1BD11BDA)]
        x, y = counter[0] + schedule[0], counter[1] + schedule[1]
        for group in range(5):
            for rotation in ((13, 15, 26, 6), (17, 29, 16, 24))[group % 2]:
                x = x + y
                y = ((y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))) ^ x
            x, y = x + schedule[(group + 1) % 3], y + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def words(seed: int, purpose: int, step: int, count: int) -> tuple[Words, Words]:
    """The stream's words of one step: two arrays (count,) uint32."""
    counter = (np.arange(count, dtype=np.uint32), np.full(count, step, dtype=np.uint32))
    return threefry2x32((seed, purpose), counter)


def uniforms(first: Words, second: Words) -> NDArray[np.float64]:
    """Midpoints of 2**23 equal parts of (0, 1), in the order of ``gan.randomness.uniforms``."""
    return ((np.concatenate([first, second]) >> np.uint32(9)).astype(np.float64) + 0.5) * 2.0**-23


def normals(first: Words, second: Words) -> NDArray[np.float64]:
    """Box-Muller, in the order of ``gan.randomness.normals``."""
    radius = np.sqrt(-2.0 * np.log(uniforms(first, first[:0])))
    angle = 2.0 * np.pi * uniforms(second, second[:0])
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
