"""Properties that every figure must have to be worth reading."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cxrbench.quality.frechet import frechet_pooled8
from cxrbench.quality.images import QualityError, draw
from cxrbench.quality.neighbours import MOST_TRAINING_IMAGES, nearest, nearest_euclidean, nearest_manhattan
from cxrbench.quality.registry import METRICS, RealSets, measure, measure_real, with_interval
from cxrbench.quality.structure import pairwise_ssim
from tests.quality.phantoms import chests

N = 64


@pytest.fixture(scope="module")
def real() -> RealSets:
    return RealSets.of(test=chests(N, seed=1), train=chests(2 * N, seed=2), count=N, seed=0)


def test_frechet_rises_along_a_blur_ladder(real):
    images = chests(N, seed=3)
    ladder = [frechet_pooled8(images, real.reference, 0).value]
    for sigma in (2, 4, 8):
        blurred = np.stack([gaussian_filter(image, sigma) for image in images])
        ladder.append(frechet_pooled8(blurred, real.reference, 0).value)
    assert ladder == sorted(ladder)
    assert ladder[-1] > 5 * ladder[0]


def test_copies_of_training_images_have_distance_0(real):
    for distance in (nearest_euclidean, nearest_manhattan):
        copies = distance(real.train_draw, real.train, 0)
        assert (copies.value, copies.ci_low, copies.ci_high) == (0.0, 0.0, 0.0)
        assert distance(real.reference, real.train, 0).value > 1.0


def test_the_nearest_image_is_found_in_any_chunk(real, monkeypatch):
    whole = nearest(real.reference, real.train, "euclidean", 0)
    monkeypatch.setattr("cxrbench.quality.neighbours.CHUNK", 7)
    assert nearest(real.reference, real.train, "euclidean", 0) == pytest.approx(whole)
    assert len(real.train) <= MOST_TRAINING_IMAGES


def test_one_image_repeated_has_ssim_1_and_varied_ones_less(real):
    repeated = np.repeat(real.reference[:1], N, axis=0)
    assert pairwise_ssim(repeated, repeated, 0).value == pytest.approx(1.0)
    assert pairwise_ssim(real.reference, real.reference, 0).value < 0.9


def test_pairs_use_no_image_twice(real, monkeypatch):
    seen: list[int] = []
    numbers = {image.tobytes(): number for number, image in enumerate(real.reference)}

    def remember(a, b):
        seen.extend((numbers[a.tobytes()], numbers[b.tobytes()]))
        return 0.5

    monkeypatch.setattr("cxrbench.quality.structure.ssim", remember)
    pairwise_ssim(real.reference, real.reference, 0)
    assert sorted(seen) == list(range(N))


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_puts_real_images_nearer_to_real_than_noise(name, real):
    one = METRICS[name]
    noise = np.random.default_rng(0).integers(0, 256, real.reference.shape, dtype=np.uint8)
    fresh = measure(one, chests(N, seed=9), real, 0).value
    yardstick = measure_real(one, real, 0).value
    assert abs(fresh - yardstick) < abs(measure(one, noise, real, 0).value - yardstick) / 4


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_what_it_is_and_repeats_bit_for_bit(name, real):
    one = METRICS[name]
    assert one.label and one.unit and one.about.endswith(".")
    images = chests(N, seed=9)
    assert measure(one, images, real, 0) == measure(one, images, real, 0)


def test_the_frechet_distance_of_pixels_never_calls_itself_fid():
    assert "not FID" in METRICS["frechet_pooled8"].label and "not FID" in METRICS["frechet_pooled8"].about
    assert not [name for name in METRICS if "fid" in name]


@pytest.mark.parametrize("name", METRICS)
def test_the_real_figure_is_that_of_real_images_never_of_a_set_against_itself(name, real):
    one = METRICS[name]
    pairs = {
        "reference": (real.train_draw, real.reference),
        "train": (real.reference, real.train),
        "itself": (real.reference, real.reference),
    }
    assert measure_real(one, real, 0) == one.function(*pairs[one.against], 0)
    assert measure_real(one, real, 0).value > 0


def test_unequal_numbers_are_refused(real):
    with pytest.raises(QualityError, match="32 images beside 64 held-out ones; .*equal N"):
        measure(METRICS["frechet_pooled8"], chests(32), real, 0)


def test_another_size_is_refused(real):
    with pytest.raises(QualityError, match="generated: 16x16 images cannot be compared with the 32x32 of reference"):
        measure(METRICS["frechet_pooled8"], chests(N, size=16), real, 0)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((N, 32, 32), np.float32), "generated: float32 images"),
        (np.zeros((N, 32, 32, 1), np.uint8), "drop the channel axis"),
        (np.zeros((0, 32, 32), np.uint8), "generated: empty"),
        (np.zeros((5, 32, 32), np.uint8), "5 images are too few"),
        ([[1]], "generated: list images"),
    ],
)
def test_what_is_not_a_set_of_gray_images_is_refused_in_one_line(images, message, real):
    with pytest.raises(QualityError, match=message) as caught:
        measure(METRICS["frechet_pooled8"], images, real, 0)
    assert "\n" not in str(caught.value)


def test_constant_images_have_no_ssim(real):
    images = real.reference.copy()
    images[3:5] = 17
    with pytest.raises(QualityError, match="2 of 64 images have one gray level"):
        measure(METRICS["pairwise_ssim_512"], images, real, 0)


def test_tiny_images_have_no_ssim():
    with pytest.raises(QualityError, match="at least 11x11, not 8x8"):
        pairwise_ssim(chests(N, size=8), chests(N, size=8), 0)


def test_a_draw_is_seeded_without_repeats_and_never_more_than_there_is():
    images = np.arange(40, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    first, again, other = draw(images, 20, 1), draw(images, 20, 1), draw(images, 20, 2)
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert len(np.unique(first[:, 0, 0])) == 20
    with pytest.raises(QualityError, match="41 images are asked of a set of 40"):
        draw(images, 41, 0)


def test_the_interval_holds_the_figure_and_narrows_with_n():
    rng = np.random.default_rng(0)
    few, many = rng.normal(5, 1, 25), rng.normal(5, 1, 2500)
    for values in (few, many):
        figure = with_interval(values, np.median, 0)
        assert figure.value == np.median(values)
        assert figure.ci_low < figure.value < figure.ci_high
    width = lambda figure: figure.ci_high - figure.ci_low  # noqa: E731
    assert width(with_interval(many, np.median, 0)) < width(with_interval(few, np.median, 0)) / 3
