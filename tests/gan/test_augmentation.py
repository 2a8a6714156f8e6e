"""Augmentation against NumPy: what is moved, cut out and recoloured, and that gradients find their way back."""

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.gan.augmentation import CHANCES, augment

pytestmark = pytest.mark.engine

SIZE, COUNT = 16, 40
FARTHEST = 2  # an eighth of the side


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, (COUNT, SIZE, SIZE, 1)).astype("float32")


@pytest.fixture
def chances():
    return np.random.default_rng(1).uniform(0, 1, (COUNT, CHANCES)).astype("float32")


def run(images, chances, *kinds):
    return ops.convert_to_numpy(augment(ops.convert_to_tensor(images), ops.convert_to_tensor(chances), kinds))


def moved(image, down, right):
    """What enters is gray, 0."""
    padded = np.pad(image[..., 0], FARTHEST)
    rows, columns = FARTHEST + down, FARTHEST + right
    return padded[rows : rows + SIZE, columns : columns + SIZE, None]


def shifts(chances):
    return np.floor(chances[:, 2:4].astype("float64") * (2 * FARTHEST + 1)).astype(int) - FARTHEST


def test_translation_moves_by_whole_pixels_and_changes_no_value(images, chances):
    found = run(images, chances, "translation")
    expected = [moved(image, *shift) for image, shift in zip(images, shifts(chances), strict=True)]
    np.testing.assert_array_equal(found, expected)
    assert set(shifts(chances).flat) == {-2, -1, 0, 1, 2}


def test_the_ends_of_the_chances_stay_within_reach(images):
    ends = np.repeat(np.array([[2.0**-24], [1 - 2.0**-24]], dtype="float32"), CHANCES, axis=1)
    found = run(images[:2], ends, "translation")
    np.testing.assert_array_equal(found, [moved(images[0], -2, -2), moved(images[1], 2, 2)])


def test_cutout_makes_a_gray_square_of_half_the_side(images, chances):
    chances[0, 4:6], chances[1, 4:6] = (0.5, 0.5), (0.0, 0.5)  # in the middle; half of it above the image
    found = run(images, chances, "cutout")
    assert (found[0, 4:12, 4:12] == 0).all() and (found[1, :4, 4:12] == 0).all()
    gray = (found == 0).sum(axis=(1, 2, 3))
    assert gray[0] == 64 and gray[1] == 32 and gray.min() >= 16 and gray.max() <= 64
    np.testing.assert_array_equal(found[found != 0], images[found != 0])


def test_color_is_brightness_and_then_contrast_about_the_mean(images, chances):
    brighter = images + (chances[:, 0] - 0.5).reshape(-1, 1, 1, 1)
    mean = brighter.mean(axis=(1, 2, 3), keepdims=True)
    expected = (brighter - mean) * (chances[:, 1] + 0.5).reshape(-1, 1, 1, 1) + mean
    np.testing.assert_allclose(run(images, chances, "color"), expected, atol=1e-6)


def test_all_together_are_one_after_the_other(images, chances):
    one_by_one = images
    for kind in ("color", "translation", "cutout"):
        one_by_one = run(one_by_one, chances, kind)
    np.testing.assert_array_equal(run(images, chances, "cutout", "color", "translation"), one_by_one)


def test_gradients_go_back_to_where_the_pixels_came_from(images, chances):
    variable = keras.Variable(images)
    weights = np.random.default_rng(2).uniform(1, 2, images.shape).astype("float32")

    def loss():
        seen = augment(ops.convert_to_tensor(variable), ops.convert_to_tensor(chances), ["translation", "cutout"])
        return ops.sum(seen * ops.convert_to_tensor(weights)), ()

    _, _, (gradient,) = backends.active().value_and_grad(loss, [variable], [variable])
    kept = np.where(run(np.ones_like(images), chances, "cutout") == 0, 0, weights)
    expected = [moved(one, -down, -right) for one, (down, right) in zip(kept, shifts(chances), strict=True)]
    np.testing.assert_array_equal(ops.convert_to_numpy(gradient), expected)
