"""Our own random stream: Threefry-2x32-20, the same bits on every backend.

A counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the
key is (seed, purpose), the counter is (element, step). Nothing is remembered between steps, so any
step can be drawn alone, and a resumed run needs no generator state.

All arithmetic is on int32, which wraps around alike on every backend; a logical right shift is an
arithmetic one with the copied sign bits masked away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any

from keras import ops

Tensor = Any

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
KEY_PARITY = 0x1BD11BDA
ROUNDS = 20
MASKS_PER_WORD = 4  # a keep mask needs 8 of a word's 32 bits
MASK_LEVELS = 256


class Purpose(IntEnum):
    """The second word of the key: two purposes never share a draw."""

    LATENTS = 1
    INSTANCE_NOISE = 2
    LABEL_FLIPS = 3
    DROPOUT = 4
    SAMPLES = 5
    GRID = 6
    AUGMENTATION = 7
    GRADIENT_PENALTY = 8
    INTERPOLATION = 9


def threefry2x32(key: tuple[int, int], counter: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Encrypt counters to random words.

    Args:
        key: two Python integers of 32 bits.
        counter: two int32 tensors of shapes that broadcast.

    Returns:
        Two int32 tensors of the broadcast shape, every bit random.
    """
    schedule = (*key, key[0] ^ key[1] ^ KEY_PARITY)
    first = counter[0] + _int32(schedule[0])
    second = counter[1] + _int32(schedule[1])
    for group in range(ROUNDS // 4):
        for rotation in ROTATIONS[group % 2]:
            first = first + second
            second = ops.bitwise_xor(_rotate_left(second, rotation), first)
        first = first + _int32(schedule[(group + 1) % 3])
        second = second + _int32(schedule[(group + 2) % 3] + group + 1)
    return first, second


def words(seed: int, purpose: Purpose, step: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """``2 * count`` random words: two int32 tensors of shape (count,), a function of the arguments alone.

    Args:
        step: scalar int32 tensor.
    """
    elements = ops.arange(count, dtype="int32")
    return threefry2x32((seed, int(purpose)), (elements, ops.broadcast_to(step, (count,))))


def normals(seed: int, purpose: Purpose, step: Tensor, shape: tuple[int, ...], dtype: str) -> Tensor:
    """Standard normal values by the Box-Muller transform, both of whose outputs are used."""
    size = math.prod(shape)
    first, second = words(seed, purpose, step, -(-size // 2))
    radius = ops.sqrt(-2.0 * ops.log(_to_unit(first, dtype)))
    angle = (2.0 * math.pi) * _to_unit(second, dtype)
    both = ops.concatenate([radius * ops.cos(angle), radius * ops.sin(angle)])
    return ops.reshape(both[:size], shape)


def uniforms(seed: int, purpose: Purpose, step: Tensor, shape: tuple[int, ...], dtype: str) -> Tensor:
    """Uniform values in the open interval (0, 1)."""
    size = math.prod(shape)
    both = ops.concatenate(words(seed, purpose, step, -(-size // 2)))
    return ops.reshape(_to_unit(both[:size], dtype), shape)


def bytes_of(words: Sequence[Tensor]) -> Tensor:
    """A number of (N,) int32 -> (4 N each,) integers of 0 to 255: of each the lowest bits of all, then the next."""
    shifts = range(0, 32, 8)
    return ops.concatenate(
        [ops.bitwise_and(ops.right_shift(word, s), MASK_LEVELS - 1) for word in words for s in shifts]
    )


def viewed_bytes_of(words: Sequence[Tensor]) -> Tensor:
    """As ``bytes_of``, by looking at the same memory (of a machine that has the lowest byte first)."""
    lanes = [ops.transpose(ops.reshape(ops.view(word, "uint8"), (-1, 4))) for word in words]
    return ops.reshape(ops.concatenate(lanes), (-1,))


def keep_masks(
    seed: int,
    step: Tensor,
    shapes: list[tuple[int, ...]],
    dropped: int,
    split: Callable[[Sequence[Tensor]], Tensor] = bytes_of,
) -> list[Tensor]:
    """Boolean dropout masks, one per shape, out of one draw; 8 bits decide an element.

    Args:
        dropped: elements are false with probability ``dropped / 256``.
        split: ``bytes_of`` in the form that an engine is fastest at.
    """
    sizes = [math.prod(shape) for shape in shapes]
    count = -(-sum(sizes) // (2 * MASKS_PER_WORD))
    kept = split(words(seed, Purpose.DROPOUT, step, count)) >= dropped
    masks, start = [], 0
    for shape, size in zip(shapes, sizes, strict=True):
        masks.append(ops.reshape(kept[start : start + size], shape))
        start += size
    return masks


def _to_unit(word: Tensor, dtype: str) -> Tensor:
    """The upper 23 bits as the midpoint of one of 2**23 equal parts of (0, 1): exact in float32, and never 1."""
    high = ops.bitwise_and(ops.right_shift(word, 9), (1 << 23) - 1)
    return (ops.cast(high, dtype) + 0.5) * 2.0**-23


def _rotate_left(word: Tensor, bits: int) -> Tensor:
    low = ops.bitwise_and(ops.right_shift(word, 32 - bits), (1 << bits) - 1)
    return ops.bitwise_or(ops.left_shift(word, bits), low)


def _int32(value: int) -> int:
    """The Python integer whose int32 bits are the lowest 32 bits of ``value``."""
    return (value + 2**31) % 2**32 - 2**31
