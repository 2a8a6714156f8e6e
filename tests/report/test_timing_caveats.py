"""What is said of a benchmark that cannot be trusted: each caveat where it holds, and not elsewhere."""

import pytest

from cxrbench.report.results import Results
from cxrbench.report.timing_caveats import timing_caveats
from tests.report.fabricate import small_config
from tests.report.fabricate_bench import benchmarked

CONFIG = small_config()
BENCH = "nox -s bench -- --config smoke"


def again(*changes: str) -> str:
    settings = "".join(f" --set {change}" for change in changes)
    return f"{BENCH}{settings}, then nox -s report -- --config smoke{settings} --name mine."


def caveats(process=None, record=None, keep=None) -> list[str]:
    """After ``process`` and ``record`` changed one each, and only the processes that ``keep`` names were kept."""
    content = benchmarked(CONFIG)
    for one in content["processes"]:
        one |= (process and process(one)) or {}
    for one in content["records"]:
        one |= (record and record(one)) or {}
    content["processes"] = [one for one in content["processes"] if keep is None or keep(one)]
    return timing_caveats(Results.model_validate(content))


def is_ours(one, backend, size=32):
    return (one["backend"], one["variant"], one["image_size"]) == (backend, "ours", size)


def test_a_benchmark_without_fault_has_none():
    assert caveats() == []


def test_a_report_of_an_earlier_version_has_none():
    assert caveats(keep=lambda one: False) == []


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (2, ", and a test of two such reports cannot tell any difference with fewer than 4"),
        (4, ""),
    ],
)
def test_few_processes_are_said(count, said):
    assert caveats(keep=lambda one: one["repeat"] < count) == [
        f"Timed in {count} processes each: too few to show how far one process may lie from the next{said}. "
        f"Run: {again('bench.repeats=5')}"
    ]


def test_one_variant_with_fewer_processes_is_enough_to_say_so():
    (said,) = caveats(keep=lambda one: one["repeat"] < 3 or not is_ours(one, "jax"))
    assert said.startswith("Timed in 3 to 5 processes each")


def test_processes_that_were_not_warm_are_named():
    (said,) = caveats(lambda one: {"warm": False} if is_ours(one, "torch", 64) and one["repeat"] > 2 else None)
    assert "not warm" in said.lower() and ": PyTorch at 64x64 images, batch 4 in 2 of 5 processes. " in said
    assert said.endswith(f"Run: {again('bench.warmup_seconds=2')}")  # smoke has 1


def test_many_are_not_all_named():
    (said,) = caveats(lambda one: {"warm": False})
    assert said.count(" in 5 of 5") == 4 and "and 20 more" in said  # 12 variants in 2 settings


def test_processes_that_differ_are_unstable():
    """Medians of 0.9 to 1.1 in even steps have quartiles at 0.95 and 1.05."""

    def spreading(width):
        return lambda one: {"step_times": [1 + width * (one["repeat"] - 2) / 2] * 3} if is_ours(one, "jax") else None

    (said,) = caveats(spreading(0.1))
    assert said.startswith("Unstable, processes differ: JAX at 32x32 images, batch 16 by 10.0 %.")
    assert "bench.block_seconds=0.2" in said
    assert caveats(spreading(0.045)) == []


def test_each_concern_is_said_once_with_its_number_of_processes():
    steal = "{} % of the CPU time was steal: measure at another time"

    def disturbed(one):
        if one["repeat"] == 0 and one["variant"] == "ours":  # three backends in two settings
            return {"concerns": [steal.format(one["place"]), "64 MiB were swapped: close other programs"]}

    (said,) = caveats(disturbed)
    first = min(one["place"] for one in benchmarked(CONFIG)["processes"] if disturbed(one))
    assert f"in 6 of 120, for example, {steal.format(first)}; in 6 of 120 64 MiB were swapped" in said
    assert said.count("steal") == 1 and said.endswith(f"Run: {again()}")


@pytest.mark.parametrize(
    ("value", "low", "high", "leak"),
    [
        (3 * 2**20, 2 * 2**20, 4 * 2**20, True),
        (3 * 2**20, -1.0, 9 * 2**20, False),  # may be none
        (0.9 * 2**20, 0.8 * 2**20, 2**20, False),  # too small to matter
        (-3 * 2**20, -4 * 2**20, -2 * 2**20, False),
    ],
)
def test_memory_that_grows_is_a_finding(value, low, high, leak):
    def growing(one):
        if one["metric"] == "memory_growth" and one["variant"] == "native-xla" and one["image_size"] == 64:
            return {"value": value, "ci_low": low, "ci_high": high}

    said = caveats(record=growing)
    assert len(said) == leak
    if leak:
        who = "TensorFlow (native-xla) at 64x64 images, batch 4"
        assert f"grew during training: {who} by 3.00 MiB (2.00 to 4.00) per 1,000 steps." in said[0]
        assert said[0].endswith(f"Run: {again('bench.memory_seconds=8')}")  # smoke has 2


@pytest.mark.parametrize(("times", "slow"), [(1.5, True), (1.99, True), (2.01, False)])
def test_an_input_pipeline_that_hardly_keeps_up_is_said(times, slow):
    rate = {
        one["backend"]: one["value"]
        for one in benchmarked(CONFIG)["records"][::-1]
        if one["metric"] == "images_per_second" and is_ours(one, one["backend"])
    }

    def delivering(one):
        return {"value": times * rate["jax"]} if one["metric"] == "input_throughput" and is_ours(one, "jax") else None

    said = caveats(record=delivering)
    assert len(said) == slow
    if slow:
        assert "less than 2 times what the training step consumes: JAX at 32x32 images, batch 16 " in said[0]
        assert f"images/s, {times:.2f} times that" in said[0] and "PyTorch" not in said[0]


def test_one_command_mends_all_of_several_faults():
    said = caveats(lambda one: {"warm": False, "concerns": ["swapped"]}, keep=lambda one: one["repeat"] < 2)
    assert [one.split(" ")[0] for one in said] == ["Timed", "Not", "Processes", "Then"]
    command = again("bench.repeats=5", "bench.warmup_seconds=2")
    assert said[-1] == f"Then measure again, once for all of this: {command}"
    assert sum(one.count("nox -s") for one in said[:-1]) == 0


def test_settings_that_were_changed_stay_in_the_command():
    content = benchmarked(small_config(train_epochs="7"))
    content["processes"] = [one for one in content["processes"] if one["repeat"] < 2]
    (said,) = timing_caveats(Results.model_validate(content))
    assert again("train.epochs=7", "bench.repeats=5") in said


def test_a_setting_that_is_to_be_changed_again_stands_once_in_the_command():
    content = benchmarked(small_config(bench_repeats="3"))
    content["processes"] = [one for one in content["processes"] if one["repeat"] < 3]
    (said,) = timing_caveats(Results.model_validate(content))
    assert again("bench.repeats=5") in said
