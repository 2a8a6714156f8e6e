"""Metrics against values computed elsewhere or by hand."""

import numpy as np
import pytest
from scipy.signal import fftconvolve
from skimage import data
from skimage.metrics import structural_similarity

from cxrbench.quality import kernel, multiscale
from cxrbench.quality.distances import distances, nearest, radii
from cxrbench.quality.frechet import frechet_distance_of_samples
from cxrbench.quality.images import QualityError, area_means, histograms
from cxrbench.quality.intensity import intensity_jensen_shannon, wasserstein
from cxrbench.quality.manifold import manifold
from cxrbench.quality.memorisation import Approach, copying_score, duplicated
from cxrbench.quality.neighbours import mean_to_all, nearest_image
from cxrbench.quality.spectrum import power_spectrum
from cxrbench.quality.structure import ssim
from tests.quality.real import sets_of


def samples_of(mean, covariance, count=6):
    """Exactly ``count`` vectors whose mean and unbiased covariance are these."""
    rng = np.random.default_rng(0)
    raw = rng.normal(size=(count, len(mean)))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(np.cov(raw, rowvar=False))).T
    return mean + white @ np.linalg.cholesky(covariance).T


@pytest.mark.parametrize("count", [6, 40])
def test_frechet_of_covariances_that_do_not_commute(count):
    a = samples_of(np.array([1.0, -2.0]), np.array([[2.0, 1.0], [1.0, 3.0]]), count)
    b = samples_of(np.array([-1.0, 0.5]), np.array([[5.0, -2.0], [-2.0, 1.5]]), count)
    assert frechet_distance_of_samples(a, b) == pytest.approx(13.062860018316556, abs=1e-12)


def test_frechet_of_diagonal_covariances():
    zero = np.zeros(8)
    a, b = (samples_of(zero, np.diag(values), 30) for values in (np.arange(1.0, 9.0), np.arange(9.0, 1.0, -1.0)))
    assert frechet_distance_of_samples(a, b) == pytest.approx(10.073779277911, abs=1e-11)


def test_frechet_is_the_same_with_fewer_images_than_features_and_with_more():
    """By the root of the covariances' product, whose eigenvalues are those of the definition."""
    rng = np.random.default_rng(0)
    for count in (20, 90):
        a, b = rng.normal(size=(count, 40)), rng.normal(0.5, 2, size=(count, 40))
        product = np.cov(a, rowvar=False) @ np.cov(b, rowvar=False)
        root = np.sqrt(np.linalg.eigvals(product).real.clip(min=0)).sum()
        traces = np.cov(a, rowvar=False).trace() + np.cov(b, rowvar=False).trace()
        expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + traces - 2 * root
        assert frechet_distance_of_samples(a, b) == pytest.approx(expected, rel=1e-4)
    moved = frechet_distance_of_samples(a, a + np.eye(40)[0] * 3)
    assert moved == pytest.approx(9.0)  # a shift adds its squared length alone


def test_kernel_distance_by_hand():
    """k(x, y) = (x y / 2 + 1)³ between (1,0), (0,1) and (1,1), (0,0): 1 + 1 - 2 (3.375 + 1) / 2."""
    found = kernel.compare(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 1.0], [0.0, 0.0]]), seed=0)
    assert found.value == pytest.approx(-2.375)


def test_the_p_value_is_uniform_for_one_source_and_least_for_two():
    rng = np.random.default_rng(0)
    one = [kernel.compare(rng.normal(size=(24, 4)), rng.normal(size=(24, 4)), seed).p for seed in range(40)]
    assert 0.3 < np.mean(one) < 0.7 and np.mean(np.array(one) < 0.1) < 0.25
    assert kernel.compare(rng.normal(size=(40, 4)), rng.normal(1.5, 1, size=(40, 4)), 0).p == pytest.approx(1 / 1001)


def test_the_interval_of_a_kernel_distance_holds_the_true_one():
    """Of two normal distributions, whose distance is known from 60 draws."""
    rng = np.random.default_rng(0)
    draw = lambda count: (rng.normal(size=(count, 8)), rng.normal(0.7, 1, size=(count, 8)))  # noqa: E731
    found = [kernel.compare(*draw(100), seed) for seed in range(60)]
    truth = np.mean([one.value for one in found])
    assert 51 <= sum(one.low <= truth <= one.high for one in found) <= 59


def test_precision_to_coverage_of_one_source():
    """Naeem et al. 2020, lemmas 1 and 2: E[density] = 1, E[coverage] = 1 - prod (N - i) / (N + M - i)."""
    rng = np.random.default_rng(0)
    found = [manifold(rng.normal(size=(100, 5)), rng.normal(size=(120, 5)), k=5) for _ in range(60)]
    steps = np.arange(1, 6)
    expected = 1 - np.prod((100 - steps) / (220 - steps))
    assert np.mean([one.density.mean() for one in found]) == pytest.approx(1, abs=0.03)
    assert np.mean([one.coverage.mean() for one in found]) == pytest.approx(expected, abs=0.01)


def test_precision_and_recall_by_hand():
    """On a line: real 0, 1, 2 with k = 1 have radius 1; generated 1.5 and 9, 10 have 7.5, 1 and 1."""
    found = manifold(np.array([[0.0], [1.0], [2.0]]), np.array([[1.5], [9.0], [10.0]]), k=1)
    assert found.precision.tolist() == [1, 0, 0]
    assert found.recall.tolist() == [1, 1, 1]
    assert found.density.tolist() == [2, 0, 0]
    assert found.coverage.tolist() == [0, 1, 1]


def test_distances_are_the_euclidean_ones_and_0_for_the_same_vector():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(1100, 7)), rng.normal(size=(30, 7))
    expected = np.sqrt(((a[:, None] - b) ** 2).sum(axis=-1))
    np.testing.assert_allclose(np.concatenate([apart for _, apart in distances(a, b)]), expected, rtol=1e-9)
    np.testing.assert_allclose(nearest(a, b), expected.min(axis=1), rtol=1e-9)
    assert not nearest(1e3 + a, 1e3 + a).any()
    assert radii(np.array([[0.0], [1.0], [3.0]]), 1).tolist() == [1, 1, 2]


def test_features_that_are_not_finite_are_refused():
    broken = np.ones((8, 3))
    broken[2, 1] = np.nan
    for compare in (frechet_distance_of_samples, manifold, lambda a, b: kernel.compare(a, b, 0)):
        with pytest.raises(QualityError, match="not finite"):
            compare(broken, np.eye(8, 3))


def test_copying_by_hand():
    """Ten generated images all nearer than ten held-out ones in one cell: U = 0, so z = -50 / sqrt(175)."""
    cells = np.zeros(10, np.int64)
    score = copying_score(Approach(np.arange(10.0), cells), Approach(np.arange(10.0, 20.0), cells))
    assert score == pytest.approx(-50 / np.sqrt(10 * 10 * 21 / 12))


def test_cells_weigh_by_their_share_of_the_held_out_images_and_thin_ones_do_not_count():
    real = Approach(np.tile([1.0, 2.0], 20), np.repeat([0, 1], [30, 10]))
    near = Approach(np.where(np.repeat([0, 1, 2], [20, 19, 1]) == 0, 0.0, 9.0), np.repeat([0, 1, 2], [20, 19, 1]))
    first = -(20 * 30 / 2) / np.sqrt(20 * 30 * 51 / 12)
    second = (19 * 10 / 2) / np.sqrt(19 * 10 * 30 / 12)
    assert copying_score(near, real) == pytest.approx((30 * first + 10 * second) / 40)
    with pytest.raises(QualityError, match="share no part"):
        copying_score(Approach(np.ones(10), np.zeros(10, int)), Approach(np.ones(10), np.ones(10, int)))


def test_duplicates_are_those_nearer_than_one_percent_of_the_training_images():
    train = np.cumsum(np.linspace(1, 3, 101))[:, None]  # gaps rise from 1 to 3
    generated = np.array([train[50] + 0.5, train[0] - 1.5, train[100] + 0.9])
    assert duplicated(train, generated).tolist() == [1, 0, 1]


def test_ssim_of_the_camera_and_its_noisy_copy():
    """0.36745... is the published figure for scikit-image's own defaults (a 7x7 box): it proves that the noisy image is
    the right one. Ours, with the paper's Gaussian window, is checked against the paper's formula written out."""
    camera = data.camera()
    noisy = (camera + np.random.RandomState(5).normal(0, 20, camera.shape)).clip(0, 255).astype(np.uint8)
    assert structural_similarity(camera, noisy, data_range=255) == pytest.approx(0.3674518327910367, abs=1e-12)
    assert ssim(camera, noisy) == pytest.approx(ssim_by_the_paper(camera, noisy), abs=1e-9)
    assert ssim(camera, noisy) == pytest.approx(0.3579642362365813, abs=1e-9)


def ssim_by_the_paper(a, b):
    """Wang et al. 2004, equation 13, on an 11x11 Gaussian window of sigma 1.5, over the places where it fits."""
    a, b = a.astype(float), b.astype(float)
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2

    def mean(image):
        return fftconvolve(image, window, mode="valid")

    ma, mb = mean(a), mean(b)
    va, vb, cab = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    scores = (2 * ma * mb + c1) * (2 * cab + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return scores.mean()


def test_multi_scale_ssim_of_an_image_with_one_scale_is_ssim(monkeypatch):
    camera = data.camera()
    noisy = (camera + np.random.RandomState(5).normal(0, 20, camera.shape)).clip(0, 255).astype(np.uint8)
    monkeypatch.setattr(multiscale, "WEIGHTS", np.ones(1))
    assert multiscale.ms_ssim(camera[None], noisy[None])[0] == pytest.approx(ssim(camera, noisy), abs=1e-9)


def test_multi_scale_ssim_forgives_at_the_finest_scale_what_it_does_not_at_a_coarse_one():
    rng = np.random.default_rng(0)
    image = np.repeat(np.repeat(rng.integers(60, 190, (1, 16, 16)), 12, axis=1), 12, axis=2).astype(np.uint8)
    fine = (image + rng.integers(-25, 26, image.shape)).astype(np.uint8)
    coarse = (image + np.repeat(np.repeat(rng.integers(-25, 26, (1, 16, 16)), 12, axis=1), 12, axis=2)).astype(np.uint8)
    assert multiscale.ms_ssim(image, image)[0] == pytest.approx(1)
    assert ssim(image[0], fine[0]) < ssim(image[0], coarse[0])
    assert multiscale.ms_ssim(image, fine)[0] > multiscale.ms_ssim(image, coarse)[0]
    assert [multiscale.scales(side) for side in (10, 11, 64, 176, 256)] == [0, 1, 3, 5, 5]


@pytest.mark.parametrize("shift", [1, 7, 30])
def test_wasserstein_of_a_shift_is_the_shift(shift):
    images = np.random.default_rng(0).integers(0, 200, (16, 12, 12), dtype=np.uint8)
    shifted, own = (histograms(one).sum(axis=0) for one in (images + np.uint8(shift), images))
    assert wasserstein(shifted, own) == pytest.approx(shift)


def jensen_shannon(images, others):
    return intensity_jensen_shannon(sets_of(images, others)).value


def test_jensen_shannon_is_0_for_one_set_and_1_for_disjoint_levels():
    dark, bright = np.full((16, 4, 4), 10, np.uint8), np.full((16, 4, 4), 200, np.uint8)
    assert jensen_shannon(dark, dark) == 0.0
    assert jensen_shannon(dark, bright) == pytest.approx(1.0)


def test_jensen_shannon_by_hand():
    """p = (1, 0), q = (1/2, 1/2): the divergence is H(3/4, 1/4) - H(1/2, 1/2) / 2 bits."""
    p = np.zeros((16, 2, 2), np.uint8)
    q = p.copy()
    q[:, 0] = 9
    divergence = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)) - 0.5
    assert jensen_shannon(p, q) == pytest.approx(np.sqrt(divergence))


def test_nearest_and_mean_distances_by_hand():
    """Every image is 10 levels above one training image and 140 below the other."""
    train = np.stack([np.full((8, 8), 50, np.uint8), np.full((8, 8), 200, np.uint8)])
    images = np.full((3, 8, 8), 60, np.uint8)
    for distance in ("euclidean", "cityblock"):
        assert nearest_image(images, train, distance, 0) == pytest.approx([10.0] * 3)
        assert mean_to_all(images, train, distance) == pytest.approx([75.0] * 3)
    images[:, ::2] = 50  # half of the pixels now agree
    assert nearest_image(images, train, "euclidean", 0) == pytest.approx([np.sqrt(50.0)] * 3)
    assert nearest_image(images, train, "cityblock", 0) == pytest.approx([5.0] * 3)


def test_area_means_of_whole_cells_and_of_a_size_that_does_not_divide():
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    assert area_means(image, 2) == pytest.approx(np.array([[2.5, 4.5, 10.5, 12.5]]))
    assert area_means(image, 64) == pytest.approx(np.arange(16.0)[None])
    assert area_means(np.full((1, 13, 9), 7, np.uint8), 8) == pytest.approx(np.full((1, 64), 7.0))


def test_the_spectrum_of_a_wave_peaks_at_its_frequency_and_a_checkerboard_at_the_end():
    x = np.arange(64)
    wave = np.rint(128 + 60 * np.sin(2 * np.pi * 12 * x / 64))[None, None, :] * np.ones((2, 64, 1))
    assert power_spectrum(wave.astype(np.uint8)).argmax() == 12 - 1
    stripes = (128 + 20 * (x % 2))[None, None, :] * np.ones((2, 64, 1))
    assert power_spectrum(stripes.astype(np.uint8)).argmax() == 32 - 1
