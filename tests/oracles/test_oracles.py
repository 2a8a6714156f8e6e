"""Our metrics beside those of other packages, in an environment that has them: `nox -s oracles`."""

import numpy as np
import ot
import pytest
import torch
from prdc import compute_prdc
from pytorch_msssim import ms_ssim as other_ms_ssim
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from cxrbench.quality import kernel
from cxrbench.quality.bands import sliced
from cxrbench.quality.frechet import frechet_distance_of_samples
from cxrbench.quality.images import histograms
from cxrbench.quality.intensity import wasserstein
from cxrbench.quality.manifold import manifold
from cxrbench.quality.multiscale import ms_ssim
from cxrbench.quality.structure import ssim
from tests.quality.phantoms import chests


def features(seed, count, size=64, shift=0.0):
    """Non-negative and skewed, as a network's are after ReLU and mean."""
    rng = np.random.default_rng(seed)
    return np.maximum(rng.normal(0.3 + shift, 0.4, (count, size)), 0).astype(np.float32)


@pytest.mark.parametrize(("count", "size"), [(50, 128), (300, 32)])
def test_frechet_distance_is_that_of_torchmetrics(count, size):
    a, b = features(0, count, size), features(1, count, size, shift=0.2)
    moments = [
        torch.from_numpy(part) for one in (a, b) for part in (one.mean(0, dtype="f8"), np.cov(one.astype("f8").T))
    ]
    assert frechet_distance_of_samples(a, b) == pytest.approx(float(_compute_fid(*moments)), rel=1e-4)


def test_kernel_distance_is_that_of_torchmetrics():
    a, b = features(0, 80), features(1, 90, shift=0.1)
    expected = float(poly_mmd(*(torch.from_numpy(one.astype(np.float64)) for one in (a[:80], b[:80]))))
    assert kernel.compare(a, b[:80], 0).value == pytest.approx(expected, rel=1e-9)


def test_precision_to_coverage_are_those_of_prdc():
    real, generated = features(0, 120), features(1, 100, shift=0.05)
    found, expected = manifold(real, generated, k=5), compute_prdc(real, generated, nearest_k=5)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(found, name).mean() == pytest.approx(expected[name], abs=1e-9)


def test_ssim_is_that_of_torchmetrics():
    a, b = (torch.from_numpy(one[:, None].astype(np.float64)) for one in (chests(4, 64, 1), chests(4, 64, 2)))
    _, map_of_each = structural_similarity_index_measure(a, b, data_range=255.0, sigma=1.5, return_full_image=True)
    expected = map_of_each[:, 0, 5:-5, 5:-5].mean(dim=(1, 2))  # it pads the border, which we leave out
    ours = [ssim(*(np.asarray(one[i, 0], np.uint8) for one in (a, b))) for i in range(4)]
    np.testing.assert_allclose(ours, expected.numpy(), atol=1e-6)


def test_multi_scale_ssim_is_that_of_pytorch_msssim():
    a, b = chests(6, 192, 1), chests(6, 192, 2)
    tensors = (torch.from_numpy(one[:, None].astype(np.float64)) for one in (a, b))
    expected = other_ms_ssim(*tensors, data_range=255, size_average=False).numpy()
    np.testing.assert_allclose(ms_ssim(a, b), expected, atol=1e-5)  # its window is rounded to float32


def test_sliced_wasserstein_is_that_of_pot():
    rng = np.random.default_rng(0)
    a, b = (rng.normal(shift, 1, (400, 49)).astype(np.float32) for shift in (0, 0.3))
    directions = np.random.default_rng(3).standard_normal((128, 49)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    expected = np.mean([ot.wasserstein_1d(a @ one, b @ one, p=1) for one in directions]) / b.std()
    assert sliced(a, b, seed=3) == pytest.approx(1e3 * expected, rel=1e-4)


def test_wasserstein_of_gray_levels_is_that_of_pot():
    a, b = chests(16, 32, 1), (chests(16, 32, 2) * 0.8).astype(np.uint8)
    expected = ot.wasserstein_1d(a.ravel().astype(float), b.ravel().astype(float), p=1)
    assert wasserstein(histograms(a).sum(axis=0), histograms(b).sum(axis=0)) == pytest.approx(expected, rel=1e-9)
