"""The stream is Threefry-2x32-20 to the bit, its draws are distributed as they should, and never repeat."""

import numpy as np
import pytest
from keras import ops
from scipy import stats

from cxrbench.gan.randomness import Purpose, keep_masks, normals, threefry2x32, uniforms, words

pytestmark = pytest.mark.engine

# Random123 1.14, tests/kat_vectors: threefry2x32, 20 rounds: counter, key, result.
KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]


def unsigned(tensor):
    return ops.convert_to_numpy(tensor).view(np.uint32)


def int32(value):
    return ops.convert_to_tensor(np.array([value], dtype=np.uint32).view(np.int32))


def step(number):
    return ops.convert_to_tensor(np.int32(number))


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_published_vectors(counter, key, expected):
    first, second = threefry2x32(key, (int32(counter[0]), int32(counter[1])))
    assert (unsigned(first)[0], unsigned(second)[0]) == expected


def numpy_threefry(key, counter):
    """An independent form on NumPy's unsigned integers."""
    with np.errstate(over="ignore"):
        k = [np.uint32(key[0]), np.uint32(key[1]), np.uint32(key[0] ^ key[1] ^ 0x1BD11BDA)]
        x, y = counter[0] + k[0], counter[1] + k[1]
        for group in range(5):
            for rotation in [(13, 15, 26, 6), (17, 29, 16, 24)][group % 2]:
                x = x + y
                y = ((y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation))) ^ x
            x, y = x + k[(group + 1) % 3], y + k[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def test_words_are_the_same_bits_as_in_numpy():
    first, second = words(12345, Purpose.DROPOUT, step(7), 1000)
    counter = (np.arange(1000, dtype=np.uint32), np.full(1000, 7, dtype=np.uint32))
    expected = numpy_threefry((12345, int(Purpose.DROPOUT)), counter)
    np.testing.assert_array_equal(unsigned(first), expected[0])
    np.testing.assert_array_equal(unsigned(second), expected[1])


def test_normals_are_normal():
    values = ops.convert_to_numpy(normals(3, Purpose.LATENTS, step(0), (100, 1001), "float32")).ravel()
    assert values.shape == (100_100,)
    assert stats.kstest(values, "norm").pvalue > 0.01
    assert abs(values.mean()) < 4 / np.sqrt(values.size)
    assert abs(values.var() - 1) < 4 * np.sqrt(2 / values.size)
    assert abs(stats.kurtosis(values)) < 4 * np.sqrt(24 / values.size)


def test_uniforms_are_uniform_and_never_reach_the_ends():
    values = ops.convert_to_numpy(uniforms(3, Purpose.LABEL_FLIPS, step(0), (100_001,), "float32"))
    assert stats.kstest(values, "uniform").pvalue > 0.01
    assert 0 < values.min() < 1e-3
    assert 1 - 1e-3 < values.max() < 1


def test_masks_keep_the_share_asked_for_and_differ():
    first, second = keep_masks(0, step(0), [(64, 1000), (64, 1000)], dropped=77)
    first, second = ops.convert_to_numpy(first), ops.convert_to_numpy(second)
    deviation = np.sqrt(77 / 256 * (1 - 77 / 256) / first.size)
    for mask in (first, second):
        assert mask.dtype == bool
        assert abs((~mask).mean() - 77 / 256) < 4 * deviation
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4 / np.sqrt(first.size)


@pytest.mark.parametrize(
    ("seed", "purpose", "number"),
    [
        (1, Purpose.LATENTS, 0),
        (0, Purpose.INSTANCE_NOISE, 0),
        (0, Purpose.LATENTS, 1),
    ],
)
def test_seeds_purposes_and_steps_never_share_a_draw(seed, purpose, number):
    one = unsigned(words(0, Purpose.LATENTS, step(0), 20_000)[0])
    two = unsigned(words(seed, purpose, step(number), 20_000)[0])
    # Two independent sets of 20,000 words of 32 bits share about 0.09 on average.
    assert len(np.intersect1d(one, two)) < 5
    assert abs(np.corrcoef(one.astype(float), two.astype(float))[0, 1]) < 4 / np.sqrt(one.size)
