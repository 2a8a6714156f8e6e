"""Metrics against values computed elsewhere or by hand."""

import numpy as np
import pytest
from scipy.signal import fftconvolve
from skimage import data
from skimage.metrics import structural_similarity

from cxrbench.quality.frechet import frechet_distance, frechet_distance_of_samples
from cxrbench.quality.images import area_means
from cxrbench.quality.intensity import intensity_jensen_shannon, intensity_wasserstein
from cxrbench.quality.neighbours import nearest
from cxrbench.quality.structure import ssim


def test_frechet_of_covariances_that_do_not_commute():
    a, b = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[5.0, -2.0], [-2.0, 1.5]])
    distance = frechet_distance(np.array([1.0, -2.0]), a, np.array([-1.0, 0.5]), b)
    assert distance == pytest.approx(13.062860018316556, abs=1e-12)


def test_frechet_of_diagonal_covariances():
    zero = np.zeros(8)
    distance = frechet_distance(zero, np.diag(np.arange(1.0, 9.0)), zero, np.diag(np.arange(9.0, 1.0, -1.0)))
    assert distance == pytest.approx(10.073779277911, abs=1e-11)


def test_frechet_of_samples_is_that_of_their_unbiased_covariances():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 3)), rng.normal(1, 2, size=(50, 3))
    expected = frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert frechet_distance_of_samples(a, b) == pytest.approx(expected)
    moved = frechet_distance_of_samples(a, a + np.array([3.0, 0.0, -4.0]))
    assert moved == pytest.approx(25.0)  # a shift adds its squared length alone


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


@pytest.mark.parametrize("shift", [1, 7, 30])
def test_wasserstein_of_a_shift_is_the_shift(shift):
    images = np.random.default_rng(0).integers(0, 200, (16, 12, 12), dtype=np.uint8)
    assert intensity_wasserstein(images + np.uint8(shift), images, 0).value == pytest.approx(shift)


def test_jensen_shannon_is_0_for_one_set_and_1_for_disjoint_levels():
    dark, bright = np.full((16, 4, 4), 10, np.uint8), np.full((16, 4, 4), 200, np.uint8)
    assert intensity_jensen_shannon(dark, dark, 0).value == 0.0
    assert intensity_jensen_shannon(dark, bright, 0).value == pytest.approx(1.0)


def test_jensen_shannon_by_hand():
    """p = (1, 0), q = (1/2, 1/2): the divergence is H(3/4, 1/4) - H(1/2, 1/2) / 2 bits."""
    p = np.zeros((16, 2, 2), np.uint8)
    q = p.copy()
    q[:, 0] = 9
    divergence = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25)) - 0.5
    assert intensity_jensen_shannon(p, q, 0).value == pytest.approx(np.sqrt(divergence))


def test_nearest_distances_by_hand():
    """Every image is 10 levels above one training image and further from the other."""
    train = np.stack([np.full((8, 8), 50, np.uint8), np.full((8, 8), 200, np.uint8)])
    images = np.full((3, 8, 8), 60, np.uint8)
    assert nearest(images, train, "euclidean", 0) == pytest.approx([10.0] * 3)
    assert nearest(images, train, "cityblock", 0) == pytest.approx([10.0] * 3)
    images[:, ::2] = 50  # half of the pixels now agree
    assert nearest(images, train, "euclidean", 0) == pytest.approx([np.sqrt(50.0)] * 3)
    assert nearest(images, train, "cityblock", 0) == pytest.approx([5.0] * 3)


def test_area_means_of_whole_cells_and_of_a_size_that_does_not_divide():
    image = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    assert area_means(image, 2) == pytest.approx(np.array([[2.5, 4.5, 10.5, 12.5]]))
    assert area_means(image, 64) == pytest.approx(np.arange(16.0)[None])
    assert area_means(np.full((1, 13, 9), 7, np.uint8), 8) == pytest.approx(np.full((1, 64), 7.0))
