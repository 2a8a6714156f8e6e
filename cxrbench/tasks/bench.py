"""Benchmark one backend: run the pytest-benchmark files in a fresh process and turn their JSON into records."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from cxrbench.config import Config
from cxrbench.errors import RunError
from cxrbench.folders import RUNS, RunFolder, run_folder, write_json
from cxrbench.measure import machine
from cxrbench.measure.statistics import median_interval

Interval = tuple[float | None, float | None]

BENCHMARKS = Path(__file__).resolve().parents[2] / "tests" / "benchmarks"
NO_DEVICE_MEMORY = "the engine runs on the CPU, where there is no device memory; see peak_host_memory"


def bench_task(config: Config, backend: str, runs: Path = RUNS) -> RunFolder:
    """Write ``bench.json``: the records, what was not measured and why, and pytest-benchmark's raw JSON.

    The compile cache is emptied first, so that the first step is a cold one.

    Raises:
        RunError: the benchmark files are not there, or one of them failed.
    """
    if not BENCHMARKS.is_dir():
        raise RunError(f"{BENCHMARKS}: the benchmark files are missing; run from a clone of the repository")
    run = run_folder(config, backend, runs)
    shutil.rmtree(run.compile_cache, ignore_errors=True)
    run.benchmark.unlink(missing_ok=True)  # a failed benchmark must not leave an older one to be reported
    run.path.mkdir(parents=True, exist_ok=True)
    experiment, raw_file = run.path / "bench-experiment.json", run.path / "bench-raw.json"
    experiment.write_text(config.model_dump_json(), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", str(BENCHMARKS), "-q", "-s", "-p", "no:cacheprovider"]
    command += [f"--experiment={experiment}", f"--compile-cache={run.compile_cache}", f"--benchmark-json={raw_file}"]
    print(f"bench {backend}: the first step compiles, which takes up to a minute", flush=True)
    if subprocess.run(command, check=False).returncode:
        raise RunError(f"bench {backend}: {' '.join(command)} failed; its output is above")
    raw = json.loads(raw_file.read_text(encoding="utf-8"))
    raw.pop("machine_info", None)  # host name and user: run.json says what counts
    measured = {entry["name"]: entry for entry in raw["benchmarks"]}
    records, missing = _records(config, backend, measured)
    write_json(
        run.benchmark,
        {
            "training_fingerprint": config.training_fingerprint,
            "config": config.model_dump(mode="json"),
            **machine.origin(),
            "engine": measured["test_step"]["extra_info"]["engine"],
            "records": records,
            "not_measured": missing,
            "pytest_benchmark": raw,
        },
    )
    experiment.unlink()
    raw_file.unlink()
    return run


def _records(
    config: Config, backend: str, measured: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    step, first, sampling = measured["test_step"], measured["test_first_step"], measured["test_sampling"]
    common = {
        "backend": backend,
        "variant": "ours",
        "device": step["extra_info"]["device"],
        "precision": config.compute.precision,
        "image_size": config.data.image_size,
        "batch_size": config.train.batch_size,
    }
    records: list[dict[str, Any]] = []

    def add(metric: str, unit: str, value: float, interval: Interval = (None, None), n: int = 1) -> None:
        bounds = {"ci_low": interval[0], "ci_high": interval[1], "n": n}
        records.append({**common, "metric": metric, "unit": unit, "value": value, **bounds})

    times = _per_unit(step, "steps")
    median, low, high = median_interval(times)
    add("step_time", "s", median, (low, high), len(times))
    batch = config.train.batch_size
    add("images_per_second", "images/s", batch / median, (batch / high, batch / low), len(times))
    add("first_step_time", "s", first["stats"]["data"][0])
    times = _per_unit(sampling, "images")
    median, low, high = median_interval(times)
    add("sampling_throughput", "images/s", 1 / median, (1 / high, 1 / low), len(times))
    add("peak_host_memory", "bytes", step["extra_info"]["peak_host_memory"])
    peak = step["extra_info"]["peak_device_memory"]
    if peak is None:
        return records, [{"backend": backend, "metric": "peak_device_memory", "reason": NO_DEVICE_MEMORY}]
    add("peak_device_memory", "bytes", peak)
    return records, []


def _per_unit(entry: dict[str, Any], unit: str) -> list[float]:
    """Seconds per step or per image, one value per timed block."""
    return [seconds / entry["extra_info"][unit] for seconds in entry["stats"]["data"]]
