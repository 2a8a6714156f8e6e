"""Run folders as the other stages leave them, with figures chosen here, so that a test knows what a report must say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrbench.config import Config
from cxrbench.configfile import load_config
from cxrbench.data.batches import Dataset
from cxrbench.data.prepare import prepare
from cxrbench.folders import run_folder
from cxrbench.pictures import grid, save_png
from cxrbench.tasks.evaluate import evaluate_task
from tests.quality.phantoms import chests

BACKENDS = ["jax", "torch", "tensorflow"]
STEP_TIME = {"jax": (0.0621, 0.0610, 0.0634), "torch": (0.1107, 0.1080, 0.1150), "tensorflow": (0.1240, 0.1225, 0.1262)}
MEMORY = {"jax": 1.4e9, "torch": 1.9e9, "tensorflow": 1.7e9}
DATA = "00112233aabbccdd"


COMMIT = "0123456789abcdef0123456789abcdef01234567"
MACHINE = {
    "cpu": "Imaginary CPU 3000",
    "cores": 2,
    "memory_bytes": 8 * 2**30,
    "gpu": None,
    "driver": None,
    "os": "Linux 6.1",
    "python": "3.11.9",
}
COMPILED = {"jax": "XLA, one program per step", "torch": "one graph by make_fx", "tensorflow": "tf.function, one graph"}


def small_config(**changes: str) -> Config:
    """The smoke configuration; ``changes`` as ``evaluate_count="16"``."""
    return load_config("smoke", [f"{key.replace('_', '.', 1)}={value}" for key, value in changes.items()])


def packed(config: Config, root: Path) -> Path:
    """The phantoms of an experiment, really packed."""
    return prepare(config.data, None, root, workers=1, progress=False)


def run_json(config: Config, backend: str, **changes: Any) -> dict[str, Any]:
    """What training writes."""
    return {
        "backend": backend,
        "config": config.model_dump(mode="json"),
        "config_fingerprint": config.fingerprint,
        "training_fingerprint": config.training_fingerprint,
        "data_fingerprint": DATA,
        "attribution": None,
        "commit": COMMIT,
        "clean": True,
        "versions": {"python": "3.11.9", "keras": "3.15.1", backend: "1.2.3"},
        "machine": MACHINE,
        "environment": {"KERAS_BACKEND": backend},
        "device": "cpu",
        "precision": "float32",
        "seeds": {"train": 0, "sample": 1},
        "steps": 16,
        "epochs": 2,
        "train_seconds": 75.4,
        "status": "finished",
        "started": "2026-01-02T03:04:05+00:00",
        "dataset": "datasets/phantom",
    } | changes


def record(config: Config, backend: str, metric: str, value: float, **changes: Any) -> dict[str, Any]:
    """One benchmark record."""
    units = {"time": "s", "second": "images/s", "throughput": "images/s", "memory": "bytes"}
    return {
        "backend": backend,
        "variant": "ours",
        "device": "cpu",
        "precision": "float32",
        "image_size": config.data.image_size,
        "batch_size": config.train.batch_size,
        "metric": metric,
        "unit": units[metric.rpartition("_")[2]],
        "value": value,
        "ci_low": None,
        "ci_high": None,
        "n": 10,
    } | changes


def bench_json(config: Config, backend: str) -> dict[str, Any]:
    """What the benchmark writes: every metric of the shared step, and one native step."""
    value, low, high = STEP_TIME[backend]
    batch = config.train.batch_size
    records = [
        record(config, backend, "step_time", value, ci_low=low, ci_high=high),
        record(config, backend, "first_step_time", 40 * value),
        record(config, backend, "images_per_second", batch / value, ci_low=batch / high, ci_high=batch / low),
        record(config, backend, "sampling_throughput", 6 * batch / value),
        record(config, backend, "peak_host_memory", MEMORY[backend]),
        record(config, backend, "step_time", 1.3 * value, ci_low=1.3 * low, ci_high=1.3 * high, variant="native"),
    ]
    reason = "the CPU has no memory of its own; see peak_host_memory"
    missing = [{"backend": backend, "metric": "peak_device_memory", "reason": reason}]
    return timing(config, backend) | {
        "config": config.model_dump(mode="json"),
        "records": records,
        "not_measured": missing,
        "pytest_benchmark": {"version": "5"},
    }


def timing(config: Config, backend: str, **changes: Any) -> dict[str, Any]:
    """Where and how the benchmark ran."""
    return {
        "training_fingerprint": config.training_fingerprint,
        "commit": COMMIT,
        "clean": True,
        "versions": {"python": "3.11.9", "keras": "3.15.1", backend: "1.2.3"},
        "machine": MACHINE,
        "environment": {"KERAS_BACKEND": backend},
        "engine": {"engine": f"{backend} 1.2.3", "device": "cpu", "compiled": COMPILED[backend]},
    } | changes


def samples_json(config: Config, **changes: Any) -> dict[str, Any]:
    """What sampling writes beside the images."""
    return {
        "step": 16,
        "checkpoint_sha256": "ab" * 32,
        "training_fingerprint": config.training_fingerprint,
        "seed": config.sample.seed,
        "count": 40,
    } | changes


def write_run(config: Config, backend: str, runs: Path, images: NDArray[np.uint8], **changes: Any) -> None:
    """Training, sampling and benchmark of one backend."""
    folder = run_folder(config, backend, runs)
    folder.samples.mkdir(parents=True)
    folder.grids.mkdir()
    folder.manifest.write_text(json.dumps(run_json(config, backend, **changes)))
    folder.benchmark.write_text(json.dumps(bench_json(config, backend)))
    np.save(folder.sample_images, images)
    folder.sample_manifest.write_text(json.dumps(samples_json(config)))
    for picture in (folder.samples / "grid.png", folder.grids / "epoch-00002.png"):
        save_png(grid(images[:16].astype(np.uint8)), picture)
    rng = np.random.default_rng(len(backend))
    rows = [
        f"{step},{step // 8},{1.4 * rng.lognormal():.4f},{0.8 * rng.lognormal():.4f},.5,.5,0" for step in range(400)
    ]
    folder.losses.write_text("step,epoch,d_loss,g_loss,d_real,d_fake,d_skipped\n" + "\n".join(rows) + "\n")


def three_runs(config: Config, root: Path, **changes: Any) -> Path:
    """All three backends, trained, sampled, timed and evaluated on really packed phantoms; returns the runs' folder."""
    runs, dataset = root / "runs", packed(config, root / "datasets")
    for number, backend in enumerate(BACKENDS):
        images = chests(40, config.data.image_size, seed=number)
        write_run(config, backend, runs, images, data_fingerprint=Dataset.open(dataset).fingerprint, **changes)
    evaluate_task(config, BACKENDS, dataset, runs)
    return runs


def change(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
