"""What a training on real X-rays is meant to reach: of real X-rays alone, and judged by the interval."""

import pytest

from cxrbench.report.quality_aims import quality_aims
from cxrbench.report.results import SeedFigures
from tests.report.fabricate import record
from tests.report.test_headline import CONFIG, results_of


def figure(backend, metric, value, low=None, high=None):
    own = {"variant": "held-out" if backend == "real" else "ours", "metric": metric, "unit": "-", "backend": backend}
    return record(CONFIG, "jax", "step_time", value, ci_low=low, ci_high=high) | own


def judged(*figures, source="nih", image_size=64, **changes):
    made = results_of(*figures, runs=("jax",), **changes)
    config = CONFIG.model_dump(mode="json")
    config["data"] |= {"source": source, "image_size": image_size}
    made = made.model_copy(update={"manifest": made.manifest.model_copy(update={"config": config})})
    return {row[0].text: [cell.text for cell in row[1:]] for row in quality_aims(made).rows}


FIGURES = (
    figure("jax", "kid_inception", 0.05, 0.04, 0.059),
    figure("jax", "precision5_inception", 0.7, 0.6, 0.8),
    figure("jax", "recall5_inception", 0.21, 0.15, 0.25),
    figure("jax", "sliced_wasserstein_64", 35.0, 31.0, 39.0),
    figure("real", "sliced_wasserstein_64", 20.0, 10.0, 30.0),
)


def test_every_aim_is_judged_by_what_was_measured():
    found = judged(*FIGURES, jax={"train_seconds": 4000.0})
    assert list(found.values()) == [
        ["at most 0.0600", "0.0500", "reached"],
        ["at least 0.400", "0.700", "reached"],
        ["at least 0.200", "0.210", "cannot be told"],
        ["at most 30.0", "35.0", "not reached"],
        ["at most 60.0", "66.7", "not reached"],
    ]
    assert all(name.startswith("JAX: ") for name in found)


def test_beside_the_verdict_of_the_main_seed_stand_the_others():
    seeds = SeedFigures(backend="jax", metric="kid_inception", values={"0": 0.05, "1": 0.07, "2": 0.04})
    config = CONFIG.model_dump(mode="json")
    config["data"] |= {"source": "nih", "image_size": 64}
    made = results_of(*FIGURES, runs=("jax",))
    manifest = made.manifest.model_copy(update={"config": config})
    first, second, *_ = quality_aims(made.model_copy(update={"manifest": manifest, "seeds": [seeds]})).rows
    assert (first[2].text, first[2].small) == ("0.0500", "0.0400 to 0.0590; 0.0400 to 0.0700 of 3 seeds")
    assert second[2].small == "0.600 to 0.800"


def test_a_training_on_a_gpu_or_at_another_size_has_other_aims():
    assert judged(*FIGURES, jax={"device": "gpu"}) == judged(*FIGURES, image_size=128) == {}


@pytest.mark.parametrize(("figures", "source"), [(FIGURES, "phantom"), (FIGURES, "folder"), ((), "nih")])
def test_images_that_are_no_real_xrays_and_what_was_not_measured_are_not_judged(figures, source):
    assert judged(*figures, source=source) == {}
