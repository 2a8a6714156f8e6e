"""The benchmark task: records that follow from the raw times, and what was not measured with its reason."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from cxrbench.errors import RunError
from cxrbench.folders import run_folder
from cxrbench.report.results import Benchmark, read
from cxrbench.tasks import bench
from tests.benchmarks.conftest import Bench
from tests.gan.small import small_config

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return bench.bench_task(small_config(), keras.backend.backend(), tmp_path_factory.mktemp("runs"))


def test_records_follow_from_the_raw_times(folder):
    results = read(folder.benchmark, Benchmark)
    records = {record.metric: record for record in results.records}
    raw = {entry["name"]: entry for entry in results.pytest_benchmark["benchmarks"]}
    config = small_config()

    blocks = np.array(raw["test_step"]["stats"]["data"])
    assert len(blocks) == config.bench.rounds == records["step_time"].n
    assert records["step_time"].value == pytest.approx(np.median(blocks) / config.bench.steps_per_round)
    assert records["images_per_second"].value == pytest.approx(config.train.batch_size / records["step_time"].value)
    assert records["first_step_time"].value == raw["test_first_step"]["stats"]["data"][0]
    images = config.bench.steps_per_round * config.train.batch_size
    sampling = images / np.median(raw["test_sampling"]["stats"]["data"])
    assert records["sampling_throughput"].value == pytest.approx(sampling)
    assert records["peak_host_memory"].value > 1e8
    # The first step traces and compiles: far slower than any later one.
    assert records["first_step_time"].value > 3 * records["step_time"].value
    for record in results.records:
        assert (record.backend, record.variant, record.image_size) == (keras.backend.backend(), "ours", 16)
        if record.ci_low is not None:
            assert record.ci_low <= record.value <= record.ci_high


def test_device_memory_is_measured_or_the_reason_is_said(folder):
    results = read(folder.benchmark, Benchmark)
    measured = {record.metric for record in results.records}
    missing = {entry.metric: entry.reason for entry in results.not_measured}
    assert ("peak_device_memory" in measured) != ("peak_device_memory" in missing)
    if missing:
        assert "CPU" in missing["peak_device_memory"]


def test_it_says_what_was_measured_and_where(folder):
    said = json.loads(folder.benchmark.read_text(encoding="utf-8"))
    assert said["training_fingerprint"] == small_config().training_fingerprint
    assert said["versions"]["keras"] == keras.__version__
    assert said["machine"]["cores"] >= 1
    assert said["engine"]["engine"].startswith(keras.backend.backend())


def test_every_block_waits_for_its_last_step(tmp_path):
    driver = Bench(small_config(), tmp_path)
    waited, engine = [], driver.engine
    driver.engine = SimpleNamespace(to_device=engine.to_device, synchronize=waited.append)
    last_step, last_images = driver.train(3), driver.sample(2)
    assert len(waited) == 2
    assert waited[0] is last_step
    assert waited[1] is last_images


def test_the_first_step_is_a_cold_one_and_a_failure_leaves_no_older_result(tmp_path, monkeypatch):
    run = run_folder(small_config(), keras.backend.backend(), tmp_path)
    left = run.compile_cache / "left.from.before"
    left.parent.mkdir(parents=True)
    left.touch()
    run.benchmark.write_text("{}")
    seen = []

    def fail(*arguments, **options):
        seen.append(left.exists())
        return SimpleNamespace(returncode=1)

    monkeypatch.setattr(bench.subprocess, "run", fail)
    with pytest.raises(RunError, match="failed"):
        bench.bench_task(small_config(), keras.backend.backend(), tmp_path)
    assert seen == [False]
    assert not run.benchmark.exists()


def test_the_host_name_is_not_published(folder):
    text = folder.benchmark.read_text(encoding="utf-8")
    assert "machine_info" not in json.loads(text)["pytest_benchmark"]
    assert "username" not in text


def test_a_failing_benchmark_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "BENCHMARKS", tmp_path / "none")
    with pytest.raises(RunError, match="benchmark files are missing"):
        bench.bench_task(small_config(), keras.backend.backend(), tmp_path)
    failing = tmp_path / "failing"
    failing.mkdir()
    (failing / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--experiment')\n    parser.addoption('--compile-cache')\n"
    )
    (failing / "test_it.py").write_text("def test_it():\n    assert False\n")
    monkeypatch.setattr(bench, "BENCHMARKS", failing)
    with pytest.raises(RunError, match="failed; its output is above"):
        bench.bench_task(small_config(), keras.backend.backend(), tmp_path)
    assert not (tmp_path / "small" / keras.backend.backend() / "bench.json").exists()
