"""Drawn radiographs: repeatable, and true to what their labels and numbers say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from cxrbench.data import phantom
from cxrbench.data.anatomy import (
    FINDINGS,
    Anatomy,
    Spot,
    anatomy,
    body_frame,
    diaphragm,
    heart_mask,
    image_frame,
    lung_mask,
    rib_cage,
)
from cxrbench.data.phantom import draw

from .sources import MakeConfig

SIZE = 128


@pytest.fixture(scope="module")
def healthy() -> Anatomy:
    """A patient without a finding, straight and centred."""
    patient = next(p for p in (anatomy(7, index) for index in range(50)) if p.findings == ("No Finding",))
    return replace(patient, tilt=0.0, shift_x=0.0, shift_y=0.0, scale=1.0, marker=False, exposure=1.0, gamma=1.0)


def difference(one: Anatomy, other: Anatomy) -> NDArray[np.int64]:
    """How much lighter the second patient's film is, in gray levels; both films have the same noise."""
    return draw(other, SIZE).astype(int) - draw(one, SIZE).astype(int)


def test_a_drawing_depends_on_seed_and_index_alone() -> None:
    forwards = [draw(anatomy(3, index), 64) for index in range(4)]
    backwards = [draw(anatomy(3, index), 64) for index in reversed(range(4))]
    np.testing.assert_array_equal(forwards, backwards[::-1])
    assert anatomy(3, 2) == anatomy(3, 2)
    assert not np.array_equal(forwards[0], forwards[1])
    assert not np.array_equal(forwards[0], draw(anatomy(4, 0), 64))


def test_findings_are_labelled_in_their_shares() -> None:
    patients = [anatomy(0, index) for index in range(600)]
    shares = {finding: sum(p.findings == (finding,) for p in patients) / 600 for finding in FINDINGS}
    assert shares["No Finding"] == pytest.approx(0.5, abs=0.08)
    assert all(share == pytest.approx(0.1, abs=0.05) for finding, share in shares.items() if finding != "No Finding")
    assert {p.sex for p in patients} == {"F", "M"}


def test_only_cardiomegaly_passes_half_the_thorax() -> None:
    for patient in (anatomy(0, index) for index in range(300)):
        assert (patient.cardiothoracic_ratio > 0.5) == (patient.findings == ("Cardiomegaly",))


@pytest.mark.parametrize("ratio", [0.42, 0.6])
def test_the_heart_is_as_wide_as_its_ratio_says(healthy: Anatomy, ratio: float) -> None:
    patient = replace(healthy, heart_width=ratio * 2 * healthy.thorax)
    columns = np.flatnonzero(heart_mask(patient, 512).any(axis=0))
    x, y = body_frame(patient, 512)
    inside, _ = rib_cage(patient, x, y)
    chest = np.flatnonzero((inside > 0).any(axis=0))
    assert np.ptp(columns) / np.ptp(chest) == pytest.approx(ratio, abs=0.015)
    assert columns.mean() > 256  # it leans to the patient's left, which is the image's right


def test_a_larger_heart_is_seen_on_the_film(healthy: Anatomy) -> None:
    large = replace(healthy, heart_width=0.64 * 2 * healthy.thorax)
    grown = heart_mask(large, SIZE) & lung_mask(healthy, SIZE)
    assert grown.sum() > 200
    assert difference(healthy, large)[grown].mean() > 40
    assert large.lung_share < healthy.lung_share - 0.01


@pytest.mark.parametrize("side", [0, 1])
def test_an_effusion_whitens_its_own_costophrenic_angle(healthy: Anatomy, side: int) -> None:
    fluid = (0.45, 0.0) if side == 0 else (0.0, 0.45)
    sick = replace(healthy, effusion=fluid)
    x, y = body_frame(healthy, SIZE)
    inside, _ = rib_cage(healthy, x, y)
    angle = (inside > 0.01) & (np.abs(x) > 0.75 * healthy.thorax) & (y > healthy.dome) & (y < diaphragm(healthy, x))
    ours, other = (x < 0, x > 0) if side == 0 else (x > 0, x < 0)
    change = difference(healthy, sick)
    assert (angle & ours).sum() > 30
    assert change[angle & ours].mean() > 50
    assert not change[other].any()
    assert sick.lung_share < healthy.lung_share - 0.01


def test_a_pneumothorax_darkens_the_rim_of_its_lung(healthy: Anatomy) -> None:
    sick = replace(healthy, collapse=(0.15, 0.0))
    x, y = body_frame(healthy, SIZE)
    inside, _ = rib_cage(healthy, x, y)
    rim = lung_mask(healthy, SIZE) & (inside < 0.1) & (x < -0.4)
    change = difference(healthy, sick)
    assert rim.sum() > 100
    assert change[rim].mean() < -15
    assert not change[x > 0].any()


@pytest.mark.parametrize("spots", [1, 3])
def test_spots_lie_where_they_are_said_to(healthy: Anatomy, spots: int) -> None:
    spot = Spot(-0.45, -0.1, 0.08, 0.25)
    change = difference(healthy, replace(healthy, spots=(spot,) * spots))
    x, y = body_frame(healthy, SIZE)
    away = np.hypot(x - spot.x, y - spot.y)
    assert change[away < 0.03].mean() > 30
    assert np.abs(change[away > 0.4]).max() <= 1
    largest = np.unravel_index(np.argmax(change), change.shape)
    assert away[largest] < 0.08


def test_nodules_and_infiltrations_are_drawn_inside_the_lungs() -> None:
    patients = [p for p in (anatomy(1, index) for index in range(300)) if p.spots]
    assert {p.findings[0] for p in patients} == {"Nodule", "Infiltration"}
    for patient in patients:
        spot = patient.spots[0]
        x, y = image_frame(patient, np.array([spot.x]), np.array([spot.y]))
        column, row = int((x[0] + 1) * SIZE / 2), int((y[0] + 1) * SIZE / 2)
        plain = replace(patient, heart_width=0.5)  # an opacity may lie in front of a heart
        assert lung_mask(plain, SIZE)[row, column]


def test_more_exposure_is_a_lighter_film(healthy: Anatomy) -> None:
    means = [draw(replace(healthy, exposure=exposure), SIZE).mean() for exposure in (0.8, 1.0, 1.2)]
    assert means[1] > means[0] + 5 and means[2] > means[1] + 5


def test_the_film_has_the_order_of_densities_of_a_chest(healthy: Anatomy) -> None:
    film = draw(healthy, SIZE).astype(float)
    x, y = body_frame(healthy, SIZE)
    lung, heart = lung_mask(healthy, SIZE), heart_mask(healthy, SIZE) & (y < healthy.dome)
    abdomen = (y > diaphragm(healthy, x) + 0.1) & (np.abs(x) < 0.3)
    air = (np.abs(x) > 0.7) & (y < -0.93)
    assert film[air].mean() < 25 < film[lung].mean() - 20
    assert film[lung].mean() + 50 < film[heart].mean() < film[abdomen].mean() + 10


def test_lungs_fill_a_plausible_share() -> None:
    shares = [anatomy(2, index).lung_share for index in range(100)]
    assert 0.12 < min(shares) < max(shares) < 0.42
    assert np.std(shares) > 0.01


def test_the_right_dome_is_higher() -> None:
    for patient in (anatomy(5, index) for index in range(20)):
        right, left = diaphragm(patient, np.array([-0.35, 0.35], dtype=np.float32))
        assert right < left


def test_pose_moves_the_picture(healthy: Anatomy) -> None:
    moved = lung_mask(replace(healthy, shift_x=0.25), SIZE)
    np.testing.assert_array_equal(moved[:, 16:], lung_mask(healthy, SIZE)[:, :-16])


def test_the_frames_are_inverse() -> None:
    patient = anatomy(0, 11)
    right, down = image_frame(patient, *body_frame(patient, 32))
    centres = (np.arange(32) + 0.5) / 16 - 1
    np.testing.assert_allclose(right, np.tile(centres, (32, 1)), atol=1e-5)
    np.testing.assert_allclose(down, np.tile(centres[:, None], (1, 32)), atol=1e-5)


def test_the_listing_is_labelled_and_split(make_config: MakeConfig) -> None:
    config = make_config(count=50, test_share=0.2, seed=9)
    items = phantom.list_items(config, None).items
    assert [item.split for item in items] == ["train"] * 40 + ["test"] * 10
    assert items[7].findings == anatomy(9, 7).findings and items[7].view == "PA"
    assert len({item.patient for item in items}) == 50
    film = phantom.read(items[7], config, None)
    assert film.size == (128, 128)  # drawn fine enough for ribs, reduced later
    np.testing.assert_array_equal(film, draw(anatomy(9, 7), 128))
    assert phantom.read(items[7], make_config(image_size=256), None).size == (256, 256)
