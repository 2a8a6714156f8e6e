"""What is read from phantoms, beside what is true of them."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from cxrbench.configfile import load_config
from cxrbench.data.anatomy import anatomy
from cxrbench.data.decode import to_square
from cxrbench.data.phantom import draw
from cxrbench.quality import phantoms
from cxrbench.quality.images import QualityError
from cxrbench.quality.phantoms import TRUTHS, Anatomist
from cxrbench.quality.registry import METRICS
from tests.quality.real import sets_of

COUNT = 150
PLAIN = load_config("quick", ["data.equalize=false"]).data


@pytest.fixture(scope="module")
def patients():
    return [anatomy(0, index) for index in range(2 * COUNT)]


@pytest.fixture(scope="module")
def anatomist():
    return Anatomist(PLAIN)


def films_of(patients, config=PLAIN):
    return np.stack([to_square(Image.fromarray(draw(one, 128)), 64, config.equalize, config.fit) for one in patients])


@pytest.mark.parametrize(("truth", "least"), [("lung_share", 0.95), ("cardiothoracic_ratio", 0.85), ("exposure", 0.9)])
def test_what_is_read_agrees_with_what_was_drawn(truth, least, patients, anatomist):
    true = np.array([TRUTHS[truth] * getattr(one, truth) for one in patients])
    found = anatomist.read(films_of(patients), truth)
    assert np.corrcoef(found, true)[0, 1] > least
    assert abs(found.mean() - true.mean()) < 0.1 * true.std()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("cardiothoracic_ratio", lambda one: {"heart_width": 1.3 * one.heart_width}),
        ("lung_share", lambda one: {"scale": 0.9 * one.scale}),
        ("exposure", lambda one: {"exposure": 1.25 * one.exposure}),
    ],
)
def test_a_changed_anatomy_is_seen_and_the_same_one_is_not(name, change, patients, anatomist):
    first, second = patients[:COUNT], films_of(patients[COUNT:])
    measure = getattr(phantoms, name)
    same = measure(sets_of(films_of(first), second, anatomist=anatomist))
    other = measure(sets_of(films_of([replace(one, **change(one)) for one in first]), second, anatomist=anatomist))
    assert other.ci_low > same.ci_high and other.value > 3 * same.value


def test_what_equalization_takes_away_is_not_read(patients):
    config = load_config("quick", ["data.equalize=true"]).data
    films = films_of(patients[:20], config)
    anatomist = Anatomist(config)
    assert len(anatomist.read(films, "lung_share")) == 20
    with pytest.raises(
        QualityError, match=r"exposure cannot be read .*: R² 0\.\d\d on ones not learnt from.*data.equalize"
    ):
        anatomist.read(films, "exposure")


def test_anatomy_is_measured_of_phantoms_alone(patients, anatomist):
    names = [one.template for one in METRICS if one.over == "phantom"]
    assert names == ["phantom_lung_share", "phantom_cardiothoracic_ratio", "phantom_exposure"]
    films = films_of(patients[:32])
    found = lambda sets: [name for one in METRICS for name, _ in one.figures(sets) if name in names]  # noqa: E731
    assert found(sets_of(films, films)) == [] and found(sets_of(films, films, anatomist=anatomist)) == names
