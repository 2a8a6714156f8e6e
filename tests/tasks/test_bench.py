"""A benchmark of the smallest experiment: records that follow from the raw times, and what was not measured and why."""

import json

import keras
import numpy as np
import pytest

from cxrbench.folders import bench_folder, run_folder
from cxrbench.report.results import read
from cxrbench.report.stages import Benchmark
from cxrbench.tasks.bench import bench_task
from tests.gan.small import small_config

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    bench_task(small_config(), [keras.backend.backend()], folder)
    return folder


@pytest.fixture(scope="module")
def results(runs):
    return read(run_folder(small_config(), keras.backend.backend(), runs).benchmark, Benchmark)


@pytest.fixture(scope="module")
def records(results):
    return {record.metric: record for record in results.records}


@pytest.fixture(scope="module")
def raws(runs):
    """What pytest-benchmark wrote of each timed process, by test."""
    files = sorted(bench_folder(small_config(), runs).path.glob("0-speed-*.json"))
    assert len(files) == small_config().bench.repeats
    return [{entry["name"]: entry for entry in json.loads(file.read_text())["benchmarks"]} for file in files]


def medians(raws, test, unit):
    return [float(np.median(raw[test]["stats"]["data"])) / raw[test]["extra_info"][unit] for raw in raws]


def test_records_follow_from_the_raw_times(results, records, raws):
    batch, repeats = small_config().train.batch_size, small_config().bench.repeats
    steps = medians(raws, "test_step", "steps")
    assert records["step_time"].values == pytest.approx(steps)
    assert min(steps) <= records["step_time"].value <= max(steps)
    assert records["images_per_second"].value == pytest.approx(batch / records["step_time"].value)
    assert records["sampling_throughput"].values == pytest.approx(
        [1 / one for one in medians(raws, "test_sampling", "images")]
    )
    for metric, test in (("import_time", "test_import"), ("build_time", "test_build")):
        assert records[metric].values == [raw[test]["stats"]["data"][0] for raw in raws]
        assert records[metric].n == repeats
    cold, cached = (raw["test_first_step"]["stats"]["data"][0] for raw in raws)
    assert records["first_step_time"].value == pytest.approx(cold)
    assert records["cached_first_step_time"].value == pytest.approx(cached)
    for record in results.records:
        assert (record.backend, record.variant, record.image_size) == (keras.backend.backend(), "ours", 16)
        if record.ci_low is not None:
            assert record.ci_low <= record.value <= record.ci_high


def test_every_process_is_told_with_its_blocks(results, raws):
    for process, raw in zip(results.processes, raws, strict=True):
        taken = raw["test_step"]
        assert process.block_steps == taken["extra_info"]["steps"]
        assert process.step_times == pytest.approx(np.array(taken["stats"]["data"]) / process.block_steps)
        assert len(process.step_times) == small_config().bench.blocks
    assert [process.repeat for process in results.processes] == [0, 1]


def test_a_block_is_as_long_as_was_asked_for(raws):
    for raw in raws:
        assert np.median(raw["test_step"]["stats"]["data"]) > 0.5 * small_config().bench.block_seconds


def test_the_first_step_compiles_and_later_ones_do_not(records):
    assert records["first_step_time"].value > 3 * records["step_time"].value


def test_memory_and_the_limit(records):
    assert records["peak_host_memory"].value > 1e8
    assert 0 < records["limit_share"].value < 1
    for metric, least in (("convolution_rate", 1e6), ("gemm_rate", 1e9), ("copy_rate", 1e8)):  # of very small images
        assert records[metric].value > least, metric
    assert records["input_throughput"].value > 100
    assert records["memory_growth"].n >= 8


def test_what_cannot_be_measured_here_is_said(results):
    measured = {record.metric for record in results.records}
    missing = {entry.metric: entry.reason for entry in results.not_measured}
    for metric in ("peak_device_memory", "driver_memory", "energy"):
        assert metric in measured or missing[metric]
    assert len({(entry.metric, entry.reason) for entry in results.not_measured}) == len(results.not_measured)


def test_it_says_what_was_measured_and_where(results):
    assert results.training_fingerprint == small_config().training_fingerprint
    assert results.versions["keras"] == keras.__version__
    assert results.machine["cores"] >= 1
    assert results.engine.engine.startswith(keras.backend.backend())


def test_the_host_is_not_named(runs):
    for file in runs.rglob("*.json"):
        text = file.read_text(encoding="utf-8")
        assert "machine_info" not in text and "username" not in text
