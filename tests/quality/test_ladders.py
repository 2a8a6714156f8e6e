"""What the metrics see: images damaged on purpose, on drawn phantoms always and on real ones where they are."""

import os
from pathlib import Path

import numpy as np
import pytest

from cxrbench.configfile import load_config
from cxrbench.data.dataset import Dataset
from cxrbench.data.prepare import prepare
from cxrbench.quality import efficientnet, inception, ladders
from cxrbench.quality.intervals import Measured
from cxrbench.quality.ladders import LADDERS, NONE, climb, sees
from cxrbench.quality.sets import RealSets
from cxrbench.quality.spaces import spaces
from tests.quality.phantoms import chests
from tests.quality.test_spaces import needs

N = 100
NIH = os.environ.get("CXRBENCH_NIH_DIR")


def packed(root, *changes, data_dir=None):
    config = load_config("nih64" if data_dir else "quick", list(changes))
    return Dataset.open(prepare(config.data, data_dir, root, workers=2, progress=False))


def rungs_of(dataset, known):
    test, train = np.asarray(dataset.test), np.asarray(dataset.train)
    unseen, left = train[:N], train[N : 4 * N]
    real = RealSets.of(test, left, N, 0, known)
    return {(rung.ladder, rung.amount): rung.figures for rung in climb(unseen, real)}


@pytest.fixture(scope="module", params=["phantoms", "real images"])
def climbed(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("ladders")
    networks = spaces(None, root / "features")
    if request.param == "real images":
        if not NIH:
            pytest.skip("real images: set CXRBENCH_NIH_DIR to a folder in the official NIH ChestX-ray14 layout")
        return rungs_of(packed(root, data_dir=Path(NIH)), networks)
    # Networks take a minute: they look at the phantoms where there are no real images to look at.
    return rungs_of(packed(root, "data.image_size=64", "data.count=500"), {} if NIH else networks)


def values(climbed, name, *rungs):
    return [climbed[rung][name].value for rung in rungs]


def along(ladder):
    return [(NONE, 0.0), *((ladder, amount) for amount in LADDERS[ladder].amounts)]


@pytest.mark.parametrize("ladder", LADDERS)
def test_some_metric_catches_every_damage_at_its_strongest(ladder, climbed):
    strongest = climbed[ladder, LADDERS[ladder].amounts[-1]]
    whole = climbed[NONE, 0.0]
    assert [name for name, one in strongest.items() if sees(name, one, whole[name])]


@pytest.mark.parametrize("ladder", ["blur", "noise", "checkerboard"])
def test_the_finest_band_rises_with_every_step(ladder, climbed):
    found = values(climbed, "sliced_wasserstein_64", *along(ladder))
    assert found == sorted(found)


def test_the_finest_band_sees_a_checkerboard(climbed):
    whole, _, strong = values(climbed, "sliced_wasserstein_64", *along("checkerboard"))
    assert strong > 2 * whole


@pytest.mark.parametrize("space", ["pixels64", "inception", "efficientnet_lite0"])
def test_copies_are_caught_and_unseen_images_are_not(space, climbed):
    if f"copying_{space}" not in climbed[NONE, 0.0]:
        pytest.skip("the networks look at the real images instead, or their weights are missing")
    whole, few, all_of_them = values(climbed, f"copying_{space}", *along("copies"))
    assert abs(whole) < 3 and few < whole and all_of_them < -5
    none, some, many = values(climbed, f"duplicates1_{space}", *along("copies"))
    assert none < 0.05 < some < 0.35 < many
    assert many == 1.0 or space != "pixels64"


def test_exposure_is_seen_by_the_gray_levels(climbed):
    whole, some, much = values(climbed, "intensity_wasserstein_256", *along("exposure"))
    assert some > whole and much > 3 * whole and 10 < much < 21


@needs(inception.WEIGHTS)
@needs(efficientnet.WEIGHTS)
@pytest.mark.parametrize("space", ["inception", "efficientnet_lite0"])
def test_features_see_blur_and_noise_step_by_step_and_recall_sees_collapse(space, climbed):
    if f"recall5_{space}" not in climbed[NONE, 0.0]:
        pytest.skip("the networks look at the real images instead")
    kernel = "kid_inception" if space == "inception" else f"kd_{space}"
    for ladder in ("blur", "noise"):
        found = values(climbed, kernel, *along(ladder))
        assert found == sorted(found)
    whole, _, worst = values(climbed, f"recall5_{space}", *along("collapse"))
    assert worst < 0.1 < whole / 3


def test_damages_by_hand():
    images, train, rng = chests(20, 32, seed=1), chests(30, 32, seed=2), np.random.default_rng(0)
    assert np.array_equal(ladders.blurred(images, 0, train, rng), images)
    board = ladders.checkered(np.full((1, 4, 4), 100, np.uint8), 4, train, rng)[0]
    assert board[0].tolist() == [104, 96, 104, 96] and board[1].tolist() == [96, 104, 96, 104]
    assert len(np.unique(ladders.collapsed(images, 10, train, rng), axis=0)) == 2
    copies = ladders.copied(images, 0.2, train, rng)
    assert sum(any(np.array_equal(one, other) for other in train) for one in copies) == 4
    assert ladders.brighter(np.full((1, 2, 2), 250, np.uint8), 20, train, rng).max() == 255
    assert np.std(ladders.noisy(np.full((9, 64, 64), 128, np.uint8), 10, train, rng)) == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize(
    ("name", "damaged", "seen"),
    [
        ("kid_inception", Measured(0.2, 0.15, 0.25), True),
        ("kid_inception", Measured(0.12, 0.08, 0.2), False),  # the intervals overlap
        ("kid_inception", Measured(0.01, 0.0, 0.02), False),  # better is no damage
        ("recall5_inception", Measured(0.01, 0.0, 0.02), True),
        ("kid_inception_p", Measured(0.01), True),
        ("kid_inception_p", Measured(0.2), False),
    ],
)
def test_a_damage_is_seen_where_the_figure_is_worse_beyond_both_intervals(name, damaged, seen):
    whole = Measured(0.5) if name.endswith("_p") else Measured(0.1, 0.05, 0.14)
    assert sees(name, damaged, whole) is seen
