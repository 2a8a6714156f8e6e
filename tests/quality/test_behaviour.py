"""Properties that every figure must have to be worth reading."""

import numpy as np
import pytest

from cxrbench.quality.images import QualityError, draw
from cxrbench.quality.intervals import bootstrapped, jackknifed, share
from cxrbench.quality.neighbours import MOST_TRAINING_IMAGES, nearest_image
from cxrbench.quality.registry import METRICS, bands, find
from cxrbench.quality.sets import RealSets
from cxrbench.quality.spaces import PIXELS, Space
from cxrbench.quality.structure import pairs, pairwise_ssim
from tests.quality.phantoms import chests
from tests.quality.real import TINY, sets_of

N = 64
SPACES = {TINY.name: TINY}


@pytest.fixture(scope="module")
def real() -> RealSets:
    return RealSets.of(test=chests(N, seed=1), train=chests(2 * N, seed=2), count=N, seed=0, spaces=SPACES)


def measured(sets_for):
    return {name: measure() for metric in METRICS for name, measure in metric.figures(sets_for(metric))}


@pytest.fixture(scope="module")
def figures(real):
    """Of unseen real images, of noise, and of the real ones that stand beside them."""
    noise = np.random.default_rng(0).integers(0, 256, real.reference.shape, dtype=np.uint8)
    fresh, wild = real.beside(chests(N, seed=9)), real.beside(noise)
    return {
        "fresh": measured(lambda metric: fresh),
        "noise": measured(lambda metric: wild),
        "floor": measured(lambda metric: real.floor(metric.against)),
    }


NAMES = [
    "kid_inception", "kid_inception_p", "fid_inception_n64", "precision5_inception", "recall5_inception",
    "density5_inception", "coverage5_inception", "sliced_wasserstein_32", "sliced_wasserstein_16", "pairwise_ssim_512",
    "pairwise_ms_ssim_512", "intensity_wasserstein_256", "intensity_jensen_shannon_256", "copying_inception",
    "copying_pixels64", "duplicates1_inception", "duplicates1_pixels64", "nearest_euclidean_64", "nearest_manhattan_64",
    "mean_euclidean_64", "mean_manhattan_64",
]  # fmt: skip


def test_the_figures_and_their_order(figures):
    assert list(figures["fresh"]) == NAMES
    assert sorted(NAMES, key=lambda name: find(name).rank) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_puts_real_images_nearer_to_real_than_noise(name, figures):
    if name.startswith("duplicates1") or name.endswith("_p"):
        pytest.skip("noise is no copy of anything, as real images are none; a p-value of real images is any number")
    fresh, noise, floor = (figures[of][name].value for of in ("fresh", "noise", "floor"))
    assert abs(fresh - floor) < abs(noise - floor) / 4


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_an_interval_that_holds_it(name, figures):
    for of in ("fresh", "noise", "floor"):
        one = figures[of][name]
        if name.endswith("_p"):
            assert one.ci_low is None and one.ci_high is None
        else:
            assert one.ci_low <= one.value <= one.ci_high


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_says_what_it_is(name):
    one = find(name)
    assert one.label and one.metric.about.endswith(".") and "{" not in one.label
    assert ("Inception-v3" in one.label) == ("inception" in name)


def test_figures_repeat_bit_for_bit(real, figures):
    again = real.beside(chests(N, seed=9))
    assert measured(lambda metric: again) == figures["fresh"]


def test_only_inception_s_features_make_kid_and_fid(real):
    other = Space("raddino", TINY.extract)
    sets = sets_of(real.reference, real.train_draw, spaces={"raddino": other})
    names = {name for metric in METRICS for name, _ in metric.figures(sets)}
    assert {"kd_raddino", "kd_raddino_p", "fd_raddino_n64", "recall5_raddino"} <= names
    assert find("kd_raddino").label == "KD, raddino" and find("fd_raddino_n64").label == "FD, raddino, N = 64"
    assert find("kid_raddino") is None and find("fd_inception_n64") is None and find("fid_inception") is None
    assert find("kd_efficientnet_lite0_p").label == "KD, EfficientNet-lite0: could it be chance"
    assert find("sliced_wasserstein_256").label == "Sliced Wasserstein, 256-pixel band"
    assert find("step_time") is None


def test_a_space_that_cannot_be_had_is_an_error_of_its_figures_alone(real):
    def missing(images):
        raise QualityError("not computed: the weights are missing; get them with: pip install them")

    sets = sets_of(real.reference, real.train_draw, spaces={"inception": Space("inception", missing)})
    wanting = []
    for metric in METRICS:
        for name, measure in metric.figures(sets):
            try:
                measure()
            except QualityError as error:
                assert "pip install them" in str(error)
                wanting.append(name)
    assert wanting == [name for name in NAMES if "inception" in name]


def test_the_bands_of_an_image_halve_down_to_16_pixels():
    assert (bands(256), bands(64), bands(48), bands(16)) == ([256, 128, 64, 32, 16], [64, 32, 16], [48, 24], [16])


def test_the_real_figure_is_that_of_real_images_never_of_a_set_against_itself(real):
    assert np.array_equal(real.floor("reference").images, real.train_draw)
    assert np.array_equal(real.floor("train").images, real.reference)
    assert np.array_equal(real.floor("itself").images, real.reference)
    assert all(real.floor(against).of_real_images for against in ("reference", "train", "itself"))


def test_training_images_are_features_of_a_draw_where_they_are_many(real, monkeypatch):
    monkeypatch.setattr("cxrbench.quality.sets.MOST_TRAINING_IMAGES", 40)
    sets = real.beside(real.reference)
    assert len(sets.features(TINY.name, "train")) == 40 and len(sets.features(PIXELS.name, "train")) == 2 * N


def test_what_several_figures_need_is_computed_once(real):
    asked = []

    def extract(images):
        asked.append(len(images))
        return TINY.extract(images)

    sets = sets_of(real.reference, real.train_draw, spaces={"inception": Space("inception", extract)})
    measured(lambda metric: sets)
    assert asked == [N] * 3  # images, held-out ones, training images


def test_copies_of_training_images_have_distance_0_and_are_duplicates(real):
    copies = real.beside(real.train_draw)
    found = measured(lambda metric: copies)
    for name in ("nearest_euclidean_64", "nearest_manhattan_64"):
        assert (found[name].value, found[name].ci_low, found[name].ci_high) == (0.0, 0.0, 0.0)
    assert found["duplicates1_pixels64"].value == 1.0
    assert found["copying_pixels64"].value < -5


def test_the_nearest_image_is_found_in_any_chunk(real, monkeypatch):
    whole = nearest_image(real.reference, real.train, "euclidean", 0)
    monkeypatch.setattr("cxrbench.quality.neighbours.CHUNK", 7)
    assert nearest_image(real.reference, real.train, "euclidean", 0) == pytest.approx(whole)
    assert len(real.train) <= MOST_TRAINING_IMAGES


def test_one_image_repeated_has_ssim_1_and_varied_ones_less(real):
    repeated = np.repeat(real.reference[:1], N, axis=0)
    assert pairwise_ssim(sets_of(repeated, real.reference)).value == pytest.approx(1.0)
    assert pairwise_ssim(sets_of(real.reference, real.reference)).value < 0.9


def test_pairs_use_no_image_twice():
    images = np.arange(9, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    first, second = pairs(images, 0)
    assert len({*first[:, 0, 0], *second[:, 0, 0]}) == 8


def test_unequal_numbers_are_refused(real):
    with pytest.raises(QualityError, match="jax: 32 images beside 64 held-out ones; .*equal N"):
        real.beside(chests(32), "jax")


def test_another_size_is_refused(real):
    with pytest.raises(QualityError, match="generated: 16x16 images cannot be compared with the 32x32 of reference"):
        real.beside(chests(N, size=16))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((N, 32, 32), np.float32), "generated: float32 images"),
        (np.full((N, 32, 32), np.nan), "generated: float64 images"),
        (np.zeros((N, 32, 32, 1), np.uint8), "drop the channel axis"),
        (np.zeros((0, 32, 32), np.uint8), "generated: empty"),
        (np.zeros((5, 32, 32), np.uint8), "5 images are too few"),
        ([[1]], "generated: list images"),
    ],
)
def test_what_is_not_a_set_of_gray_images_is_refused_in_one_line(images, message, real):
    with pytest.raises(QualityError, match=message) as caught:
        real.beside(images)
    assert "\n" not in str(caught.value)


def test_constant_images_have_no_ssim(real):
    images = real.reference.copy()
    images[3:5] = 17
    with pytest.raises(QualityError, match=r"2 of 64 images have one gray level everywhere \(the first is number 3\)"):
        pairwise_ssim(real.beside(images))


def test_tiny_images_have_no_ssim():
    with pytest.raises(QualityError, match="at least 11x11, not 8x8"):
        pairwise_ssim(sets_of(chests(N, size=8), chests(N, size=8)))


def test_a_draw_is_seeded_without_repeats_and_never_more_than_there_is():
    images = np.arange(40, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    first, again, other = draw(images, 20, 1), draw(images, 20, 1), draw(images, 20, 2)
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert len(np.unique(first[:, 0, 0])) == 20
    with pytest.raises(QualityError, match="41 images are asked of a set of 40"):
        draw(images, 41, 0)


@pytest.mark.parametrize("interval", ["bootstrap", "jackknife"])
def test_an_interval_covers_the_truth_nineteen_times_of_twenty(interval):
    rng, held = np.random.default_rng(0), 0
    for seed in range(200):
        values = rng.normal(5, 1, 50)
        one = (
            bootstrapped(values, np.mean, seed)
            if interval == "bootstrap"
            else jackknifed(lambda kept: float(values[kept].mean()), 50, seed)  # noqa: B023
        )
        assert one.value == values.mean()
        held += one.ci_low <= 5 <= one.ci_high
    assert 180 <= held <= 198


def test_a_share_of_none_or_all_of_the_images_is_not_certain():
    """Of 256 images that were looked at in vain up to 1.4 % may be such: 1 - 0.025 ** (1 / 256)."""
    none, all_of_them = share(np.zeros(256), 0), share(np.ones(256), 0)
    assert (none.value, none.ci_low) == (0, 0) and none.ci_high == pytest.approx(1 - 0.025 ** (1 / 256))
    assert (all_of_them.value, all_of_them.ci_high) == (1, 1)
    assert all_of_them.ci_low == pytest.approx(0.025 ** (1 / 256))
    some = np.repeat([0.0, 1.0], 50)
    assert share(some, 0) == bootstrapped(some, np.mean, 0)


def test_a_jackknife_stays_within_the_range_of_its_statistic():
    one = jackknifed(lambda kept: float(kept[0]), 20, 0, least=0.5, most=1.0)
    assert (one.ci_low, one.ci_high) == (0.5, 1.0)
