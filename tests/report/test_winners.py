"""Who took the least memory and who is nearest to real images: only where the intervals and the seeds say so."""

import pytest

from cxrbench.report.headline import headline
from cxrbench.report.results import SeedFigures
from cxrbench.report.winners import quality
from tests.report.fabricate import record
from tests.report.test_headline import CONFIG, results_of, step

KID = "kid_inception"


def memory(backend, value, **changes):
    return record(CONFIG, backend, "peak_host_memory", value, **changes)


def kid(backend, value, low=None, high=None):
    own = {"backend": backend, "variant": "held-out" if backend == "real" else "ours", "metric": KID, "n": 310}
    return record(CONFIG, "jax", "step_time", value, ci_low=low, ci_high=high) | own | {"unit": "MMD²"}


def sentence(*figures, seeds=(), source=None):
    made = results_of(*figures, kid("real", 0.004))
    if source:
        config = CONFIG.model_dump(mode="json")
        config["data"]["source"] = source
        made = made.model_copy(update={"manifest": made.manifest.model_copy(update={"config": config})})
    return quality(made.model_copy(update={"seeds": list(seeds)}))


def test_the_least_memory_is_said_with_how_much_more_the_others_took():
    figures = (memory("jax", 3 * 2**30), memory("torch", 2**31), step("jax", 0.1), step("torch", 0.2))
    said = [one for one in headline(results_of(*figures)).further if "memory" in one]
    assert said == [
        "PyTorch took the least peak host memory, 2.00 GiB, JAX 1.50 times as much; without an interval, of one "
        "process each."
    ]


def test_memory_of_a_part_of_the_backends_names_no_least():
    figures = (memory("jax", 2**31), step("jax", 0.1), step("torch", 0.2))
    assert not [one for one in headline(results_of(*figures)).further if "memory" in one]


def test_the_nearest_to_real_is_named_where_the_intervals_are_apart():
    said = sentence(kid("jax", 0.05, 0.04, 0.06), kid("torch", 0.09, 0.08, 0.10))
    assert said == (
        "KID, Inception-v3, lower is nearer to real: JAX 0.0500 (0.0400 to 0.0600) and PyTorch 0.0900 (0.0800 to "
        "0.100); real images score 0.00400 at the same N = 310. "
        "JAX is nearest to real images, by one training only on JAX and PyTorch: another seed may say otherwise."
    )


@pytest.mark.parametrize("other", [kid("torch", 0.07, 0.06, 0.08), kid("torch", 0.09)])
def test_intervals_that_touch_or_are_missing_name_nobody(other):
    said = sentence(kid("jax", 0.05, 0.04, 0.06), other)
    assert "JAX and PyTorch cannot be told apart." in said and "nearest" not in said


def test_a_difference_within_the_spread_of_seeds_is_none():
    figures = kid("jax", 0.05, 0.04, 0.06), kid("torch", 0.09, 0.08, 0.10)
    wide = SeedFigures(backend="jax", metric=KID, values={"0": 0.05, "1": 0.10})
    assert "no further apart than trainings from other seeds are (JAX 0.0500 to 0.100)" in sentence(
        *figures, seeds=[wide]
    )
    narrow = SeedFigures(backend="jax", metric=KID, values={"0": 0.05, "1": 0.06})
    said = sentence(*figures, seeds=[narrow])
    assert said.endswith(
        "JAX is nearest to real images, by one training only on PyTorch: another seed may say otherwise."
    )
    both = [narrow, SeedFigures(backend="torch", metric=KID, values={"0": 0.09, "1": 0.08})]
    assert sentence(*figures, seeds=both).endswith("JAX is nearest to real images.")


def test_every_figure_of_nih_images_says_what_sample_they_are():
    assert sentence(kid("jax", 0.05), source="nih").endswith("not an unbiased sample of it.")
    assert "sample" not in sentence(kid("jax", 0.05))


def test_one_backend_alone_is_compared_with_nobody():
    assert sentence(kid("jax", 0.05, 0.04, 0.06)).endswith("at the same N = 310.")
    assert quality(results_of()) == "Image quality was not measured."
