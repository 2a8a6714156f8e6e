"""Every variant of the backend trains, tells its metrics, and has computed its last step when ``wait`` returns."""

import keras
import numpy as np
import pytest

from cxrbench import backends
from cxrbench.variants import OURS, build_variant, variants_of
from tests.gan.small import small_config

pytestmark = pytest.mark.engine

NAMES = variants_of(keras.backend.backend())


@pytest.fixture(scope="module", params=NAMES)
def variant(request):
    config = small_config("objective.gate_accuracy=1.0")
    engine = backends.active()
    engine.configure(config.compute)
    return build_variant(request.param, config, engine)


def test_it_trains_and_tells_its_losses(variant):
    variant.run(1)
    variant.wait()
    first = variant.metrics()
    variant.run(3)
    variant.wait()
    later = variant.metrics()
    assert first.shape == later.shape == (5,)
    assert np.isfinite(first[:2]).all() and np.isfinite(later[:2]).all()
    assert first[0] == pytest.approx(np.log(2), abs=0.05)  # an untrained discriminator is undecided
    assert (first[:2] != later[:2]).all()
    assert variant.describe()


def test_the_wait_is_for_the_last_step(monkeypatch):
    waited, engine = [], backends.active()
    monkeypatch.setattr(engine, "synchronize", waited.append)
    for name in (OURS, NAMES[-1]):
        variant = build_variant(name, small_config(), engine)
        variant.run(3)
        assert waited == []
        last = variant._last
        variant.wait()
        assert waited.pop() is last


def test_samples_are_images():
    config = small_config()
    images = build_variant(OURS, config, backends.active()).sample(2)
    assert images.shape == (4, 16, 16, 1) and images.dtype == np.uint8
