"""Who is put side by side with whom, and the ratio of two backends."""

import math

import pytest

from cxrbench.report.headline import headline
from cxrbench.report.results import Record, Results
from cxrbench.report.standings import ranking, ratio, standings
from tests.report.fabricate import small_config
from tests.report.fabricate_bench import NOISE, STEP_TIME, benchmarked, record

CONFIG = small_config()


def made(records=None, **changes) -> Results:
    content = benchmarked(CONFIG) | changes
    return Results.model_validate(content if records is None else content | {"records": records, "processes": []})


def step(backend, value, low=None, high=None, **changes):
    return record(CONFIG, backend, "step_time", value, ci_low=low, ci_high=high, **changes)


def test_only_one_setting_and_only_the_shared_step_are_ranked():
    steps = [
        step("jax", 0.5),
        step("torch", 0.4),
        step("tensorflow", 0.01, device="gpu"),
        step("tensorflow", 0.001, variant="native-xla"),
    ]
    assert [one.backend for one in ranking(made(steps))] == ["torch", "jax"]


def test_the_experiments_own_setting_comes_first_of_those_with_as_many_backends():
    other = [step(backend, 0.1, batch_size=99) for backend in ("jax", "torch")]
    own = [step(backend, 0.2) for backend in ("jax", "torch")]
    assert ranking(made(other + own))[0].batch_size == CONFIG.train.batch_size
    assert ranking(made([*other, step("tensorflow", 0.1, batch_size=99), *own]))[0].batch_size == 99


@pytest.mark.parametrize(
    ("change", "apart"),
    [
        ({"batch_size": 99}, ["at batch 16", "at batch 99"]),
        ({"image_size": 64, "batch_size": 4}, ["at 32x32 images, batch 16", "at 64x64 images, batch 4"]),
        ({"precision": "tf32"}, ["in float32", "in tf32"]),
        ({"device": "gpu", "image_size": 64}, ["on cpu, at 32x32 images", "on gpu, at 64x64 images"]),
        ({}, [""]),
    ],
)
def test_a_setting_is_named_by_what_tells_it_apart(change, apart):
    found = standings(made([step("jax", 0.1), step("torch", 0.1), step("tensorflow", 0.1, **change)]))
    assert [one.apart for one in found] == apart


def test_each_setting_has_its_own_answer_and_no_figure_of_another():
    said = headline(made())
    assert said.answer.startswith("Against the best hand-written form, at 32x32 images, batch 16, ")
    own, *other = [sentence for sentence in said.further if "fastest" in sentence]
    assert own.startswith("At 32x32 images, batch 16, JAX was fastest: PyTorch's training step took 1.78 times")
    # 89.0 of TensorFlow over 70.5 of PyTorch
    assert len(other) == 1 and other[0].startswith("At 64x64 images, batch 4, PyTorch was fastest: TensorFlow's")
    assert "took 1.26 times as long" in other[0]
    assert said.where.endswith("Linux 6.1; cpu, float32.")
    own, large = said.detail.split("; ")
    assert "at 32x32 images, batch 16, JAX 62.1 ms" in own and "70.5 ms" not in own
    assert large.startswith("at 64x64 images, batch 4, PyTorch 70.5 ms") and "62.1 ms" not in large


def test_the_ratio_is_of_processes_that_ran_side_by_side():
    """The machine's drift is in both and falls out; what is left is the noise of PyTorch alone."""
    results = made()
    fast, slow = ranking(results)[:2]
    found = ratio(results, slow, fast)
    expected = STEP_TIME["torch"][0] / STEP_TIME["jax"][0]
    noise = NOISE["torch", "ours"]
    assert found.value == pytest.approx(expected, rel=1e-9) and found.clear
    assert expected * min(noise) ** 2 < found.low < expected < found.high < expected * max(noise) ** 2
    apart = results.model_copy(update={"processes": []})
    assert ratio(apart, slow, fast).high - ratio(apart, slow, fast).low > 2 * (found.high - found.low)


def test_only_repeats_that_both_have_are_paired():
    content = benchmarked(CONFIG)
    for process in content["processes"]:
        if process["backend"] == "torch" and process["repeat"] == 2:
            process["repeat"] = 7
        if process["repeat"] == 7:
            process["step_times"] = [9.0] * 3
    results = Results.model_validate(content)
    fast, slow = ranking(results)[:2]
    assert ratio(results, slow, fast).high < 1.9


def test_one_process_each_gives_no_interval():
    content = benchmarked(CONFIG)
    content["processes"] = [one for one in content["processes"] if one["repeat"] == 0]
    results = Results.model_validate(content)
    assert headline(results).further[0] == (
        "At 32x32 images, batch 16, JAX had the shortest training step, PyTorch took 1.78 times as long; too few "
        "processes to be sure (1 each)."
    )


def test_without_processes_both_intervals_are_combined():
    slow, fast = (Record.model_validate(one) for one in (step("jax", 2.0, 1.8, 2.1), step("torch", 1.0, 0.95, 1.02)))
    width = math.hypot(math.log(2.0 / 1.8), math.log(1 / 0.95))
    found = ratio(made([]), slow, fast)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 2 * math.exp(-width), 2 * math.exp(width)))
    assert found.low < 2 * 0.95 / 1.02 * 1.0 and found.clear


@pytest.mark.parametrize(("repeats", "has_an_interval"), [(3, False), (4, True)])
def test_processes_that_no_test_can_tell_apart_name_no_winner(repeats, has_an_interval):
    results = Results.model_validate(benchmarked(CONFIG))
    few = [process for process in results.processes if process.repeat < repeats]
    fast, slow = ranking(results)[:2]
    found = ratio(results.model_copy(update={"processes": few}), slow, fast)
    assert (found.low is not None) == has_an_interval and found.clear == has_an_interval
