"""The stream is Threefry-2x32-20 to the bit, its draws are distributed as they should, and never repeat."""

import numpy as np
import pytest
from keras import ops
from scipy import stats

from cxrbench import backends
from cxrbench.gan import randomness
from cxrbench.gan.randomness import Purpose, bytes_of, keep_masks, normals, threefry2x32, uniforms, words
from cxrbench.parity import reference

pytestmark = pytest.mark.engine


def unsigned(tensor):
    return ops.convert_to_numpy(tensor).view(np.uint32)


def int32(value):
    return ops.convert_to_tensor(np.array([value], dtype=np.uint32).view(np.int32))


def step(number):
    return ops.convert_to_tensor(np.int32(number))


@pytest.mark.parametrize(("counter", "key", "expected"), reference.PUBLISHED)
def test_published_vectors(counter, key, expected):
    first, second = threefry2x32(key, (int32(counter[0]), int32(counter[1])))
    assert (unsigned(first)[0], unsigned(second)[0]) == expected


def test_words_are_the_same_bits_as_in_numpy():
    first, second = words(12345, Purpose.DROPOUT, step(7), 1000)
    expected = reference.words(12345, Purpose.DROPOUT, 7, 1000)
    np.testing.assert_array_equal(unsigned(first), expected[0])
    np.testing.assert_array_equal(unsigned(second), expected[1])


@pytest.mark.parametrize(("counter", "key", "expected"), reference.PUBLISHED)
def test_the_reference_in_numpy_gives_the_published_vectors(counter, key, expected):
    first, second = reference.threefry2x32(key, (np.uint32([counter[0]]), np.uint32([counter[1]])))
    assert (first[0], second[0]) == expected


def test_words_are_those_of_jax():
    random = pytest.importorskip("jax.extend.random", reason="only JAX has this generator of its own")
    count, seed, number = 1000, 12345, 7
    counter = np.concatenate([np.arange(count), np.full(count, number)]).astype(np.uint32)
    key = np.array([seed, int(Purpose.DROPOUT)], dtype=np.uint32)
    theirs = np.asarray(random.threefry_2x32(key, counter)).reshape(2, count)
    ours = words(seed, Purpose.DROPOUT, step(number), count)
    np.testing.assert_array_equal(np.array([unsigned(word) for word in ours]), theirs)


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


@pytest.mark.parametrize("split", [bytes_of, backends.active().bytes_of])
def test_masks_are_the_bytes_of_the_words(split):
    drawn = np.concatenate([unsigned(word) for word in words(5, Purpose.DROPOUT, step(9), 6)])
    lanes = np.array([0, 8, 16, 24], dtype=np.uint32)
    expected = (drawn.reshape(2, 1, -1) >> lanes[:, None]) % 256 >= 77
    masks = keep_masks(5, step(9), [(3, 7), (5, 5)], dropped=77, split=split)
    found = np.concatenate([ops.convert_to_numpy(mask).ravel() for mask in masks])
    np.testing.assert_array_equal(found, expected.ravel()[: 21 + 25])


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


def test_normals_of_different_purposes_steps_and_seeds_are_not_correlated():
    shape = (50_000,)
    places = [(seed, purpose, number) for seed in (0, 1) for purpose in Purpose for number in (0, 1)]
    streams = [
        ops.convert_to_numpy(normals(seed, purpose, step(number), shape, "float32")) for seed, purpose, number in places
    ]
    correlations = np.corrcoef(np.array(streams))[np.triu_indices(len(streams), 1)]
    # 276 pairs: the largest of so many standard normal values is above 4.5 once in 500 times.
    assert np.abs(correlations).max() < 4.5 / np.sqrt(shape[0])
    assert stats.kstest(correlations * np.sqrt(shape[0]), "norm").pvalue > 0.01


def test_the_two_halves_of_a_normal_draw_are_independent():
    """Box-Muller makes two values of one pair of words: neither they nor their squares may be correlated."""
    first, second = np.split(ops.convert_to_numpy(normals(1, Purpose.LATENTS, step(3), (100_000,), "float32")), 2)
    bound = 4 / np.sqrt(first.size)
    assert abs(np.corrcoef(first, second)[0, 1]) < bound
    assert abs(np.corrcoef(first**2, second**2)[0, 1]) < bound
    neighbours = np.corrcoef(first[:-1], first[1:])[0, 1]
    assert abs(neighbours) < bound


def test_a_uniform_value_of_float32_is_never_one():
    highest = ops.convert_to_tensor(np.array([-1], dtype=np.int32))  # every bit set
    value = ops.convert_to_numpy(randomness._to_unit(highest, "float32"))
    assert 1 - 1e-6 < value[0] < 1


@pytest.mark.parametrize("purpose", [Purpose.LABEL_FLIPS, Purpose.DROPOUT])
def test_uniforms_of_neighbouring_steps_are_uniform_together(purpose):
    """Chi-squared on a 16x16 grid of pairs: value of a step, value of the next at the same place."""
    one, two = (ops.convert_to_numpy(uniforms(9, purpose, step(number), (50_000,), "float32")) for number in (4, 5))
    counts, _, _ = np.histogram2d(one, two, bins=16, range=((0, 1), (0, 1)))
    assert stats.chisquare(counts.ravel()).pvalue > 0.01
