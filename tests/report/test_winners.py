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
        "JAX is nearest to real images, by 1 training of JAX and 1 training of PyTorch only: another seed may say "
        "otherwise."
    )


@pytest.mark.parametrize("other", [kid("torch", 0.07, 0.06, 0.08), kid("torch", 0.09)])
def test_intervals_that_touch_or_are_missing_name_nobody(other):
    said = sentence(kid("jax", 0.05, 0.04, 0.06), other)
    assert "JAX and PyTorch cannot be told apart." in said and "nearest" not in said


def seeds_of(backend, *values):
    return SeedFigures(backend=backend, metric=KID, values={str(seed): value for seed, value in enumerate(values)})


APART = kid("jax", 0.05, 0.04, 0.06), kid("torch", 0.09, 0.08, 0.10)


@pytest.mark.parametrize(
    "seeds",
    [
        [seeds_of("jax", 0.05, 0.10)],  # further apart than the two
        [seeds_of("jax", 0.05, 0.075), seeds_of("torch", 0.09, 0.07)],  # each less far, and yet beyond each other
        [seeds_of("torch", 0.09, 0.05)],
    ],
)
def test_a_difference_within_the_spread_of_seeds_is_none(seeds):
    said = sentence(*APART, seeds=seeds)
    assert "JAX and PyTorch are no further apart than trainings from other seeds are." in said
    assert "nearest to" not in said


def test_a_lead_needs_three_seeds_of_both_to_be_told_without_a_doubt():
    few = [seeds_of("jax", 0.05, 0.06, 0.055)]
    doubt = "JAX is nearest to real images, by 1 training of PyTorch only: another seed may say otherwise."
    assert sentence(*APART, seeds=few).endswith(doubt)
    several = [*few, seeds_of("torch", 0.09, 0.08)]
    assert sentence(*APART, seeds=several).endswith(doubt.replace("1 training", "2 trainings"))
    enough = [*few, seeds_of("torch", 0.09, 0.08, 0.085)]
    assert sentence(*APART, seeds=enough).endswith("JAX is nearest to real images.")


def test_the_spread_of_seeds_is_told_even_where_the_leaders_cannot_be_told_apart():
    close = kid("jax", 0.05, 0.04, 0.06), kid("tensorflow", 0.055, 0.045, 0.065), kid("torch", 0.09, 0.08, 0.1)
    said = sentence(*close, seeds=[seeds_of("torch", 0.09, 0.052, 0.095)])
    once = " (one training each of JAX and TensorFlow: another seed may say otherwise)."
    assert f"Trained from 3 seeds, PyTorch scored 0.0520 to 0.0950; TensorFlow lies within that{once} JAX and" in said
    assert f"0.100; no other backend lies within that{once}" in sentence(*close, seeds=[seeds_of("torch", 0.09, 0.1)])
    wide = [seeds_of("torch", 0.09, 0.04)]
    assert f"0.0400 to 0.0900; JAX and TensorFlow lie within that{once}" in sentence(*close, seeds=wide)


def test_a_backend_with_seeds_of_its_own_is_not_said_to_have_one():
    several = [seeds_of("jax", 0.05, 0.06), seeds_of("torch", 0.09, 0.1)]
    said = sentence(*APART, seeds=several)
    assert "JAX scored 0.0500 to 0.0600; no other backend lies within that." in said
    assert "PyTorch scored 0.0900 to 0.100; no other backend lies within that." in said


def test_every_figure_of_nih_images_says_what_sample_they_are():
    assert sentence(kid("jax", 0.05), source="nih").endswith("not an unbiased sample of it.")
    assert "sample" not in sentence(kid("jax", 0.05))


def test_one_backend_alone_is_compared_with_nobody():
    assert sentence(kid("jax", 0.05, 0.04, 0.06)).endswith("at the same N = 310.")
    assert quality(results_of()) == "Image quality was not measured."
