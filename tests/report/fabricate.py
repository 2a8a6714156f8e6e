"""Run folders as the other stages leave them, with figures chosen here, so that a test knows what a report must say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrbench.config import Config
from cxrbench.configfile import load_config
from cxrbench.data.dataset import Dataset
from cxrbench.data.prepare import prepare
from cxrbench.folders import PROGRESS_COLUMNS, RunFolder, parity_folder, run_folder, write_json
from cxrbench.parity.bounds import BOUNDS, FIRST_STEPS
from cxrbench.parity.twin import twin, twin_fingerprint
from cxrbench.pictures import grid, save_png
from cxrbench.tasks.evaluate import evaluate_task
from tests.quality.phantoms import chests
from tests.report.fabricate_bench import BACKENDS, COMMIT, COMPILED, MACHINE, bench_json
from tests.report.fabricate_bench import STEP_TIME as STEP_TIME
from tests.report.fabricate_bench import record as record
from tests.report.fabricate_bench import timing as timing

DATA = "00112233aabbccdd"
COURSE_IMAGES = 32


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
    write_losses(folder.losses, losses(len(backend)))


def write_course(folder: RunFolder, size: int, seed: int) -> None:
    """Images kept after the first and the second epoch, as training keeps them: first noise, then phantoms."""
    rows = [",".join(PROGRESS_COLUMNS)]
    noise = np.random.default_rng(seed).integers(0, 256, (COURSE_IMAGES, size, size), dtype=np.uint8)
    for epoch, images in enumerate((noise, chests(COURSE_IMAGES, size, seed=seed)), start=1):
        folder.drawn(epoch).parent.mkdir(exist_ok=True)
        np.save(folder.drawn(epoch), images)
        rows.append(f"{8 * epoch},{epoch},{37.5 * epoch},100,{10 / epoch}")
    folder.progress.write_text("\n".join(rows) + "\n")


def losses(seed: int) -> NDArray[np.float64]:
    """400 steps of d_loss, g_loss, d_real, d_fake and d_skipped; of every seed the first steps are the same."""
    common, own = np.random.default_rng(0), np.random.default_rng(seed)
    drawn = np.concatenate([common.lognormal(size=(FIRST_STEPS, 2)), own.lognormal(size=(400 - FIRST_STEPS, 2))])
    return np.hstack([drawn * [1.4, 0.8], np.tile([0.5, 0.5, 0.0], (400, 1))])


def write_losses(file: Path, values: NDArray[np.float64]) -> None:
    """A table of ``losses`` as training writes it."""
    rows = [f"{step},{step // 8}," + ",".join(f"{value:.9g}" for value in row) for step, row in enumerate(values)]
    file.write_text("step,epoch,d_loss,g_loss,d_real,d_fake,d_skipped\n" + "\n".join(rows) + "\n")


def three_runs(config: Config, root: Path, **changes: Any) -> Path:
    """All three backends, trained, sampled, timed and evaluated on really packed phantoms; returns the runs' folder."""
    runs, dataset = root / "runs", packed(config, root / "datasets")
    for number, backend in enumerate(BACKENDS):
        images = chests(40, config.data.image_size, seed=number)
        write_run(config, backend, runs, images, data_fingerprint=Dataset.open(dataset).fingerprint, **changes)
        write_course(run_folder(config, backend, runs), config.data.image_size, seed=10 * number)
    evaluate_task(config, BACKENDS, dataset, runs)
    write_json(parity_folder(config, runs).result, parity_json(config))
    return runs


MEASURED = {"losses_float32": 1.2e-7, "losses_float64": 2.2e-16, "state_float64": 5.1e-14}
CHAOTIC_FROM = 60


def parity_json(config: Config, failing: dict[str, float | None] | None = None, **changes: Any) -> dict[str, Any]:
    """What the comparison of all three backends writes: every bound holds but those ``failing`` at their value."""
    measured = MEASURED | (failing or {})
    checks = [
        {"name": name, "limit": bound.limit, "measured": value, "where": "torch, step 3" if value else ""}
        for name, bound in BOUNDS.items()
        for value in [measured.get(name, 0.0)]
    ]
    return {
        "name": config.name,
        "created": "2026-01-02T02:00:00+00:00",
        "twin_fingerprint": twin_fingerprint(config),
        "data_fingerprint": DATA,
        "settings": twin(config, "float32").model_dump(mode="json"),
        "float32_steps": config.parity.float32_steps,
        "float64_steps": config.parity.float64_steps,
        "witnesses": {backend: witness(backend) for backend in BACKENDS},
        "initial_weights_sha256": {"float32": "28d797d0e9c1" + "0" * 52, "float64": "7ff51745fe28" + "0" * 52},
        "skipped_updates": {"float32": 25, "float64": 29},
        "checks": checks,
        "chaotic_from": CHAOTIC_FROM,
        "curves": {"float32": curves(config.parity.float32_steps, 6e-8, CHAOTIC_FROM), "float64": curves(100, 1e-16)},
    } | changes


def witness(backend: str, **changes: Any) -> dict[str, Any]:
    """Where one backend recorded its evidence."""
    return {
        "commit": COMMIT,
        "clean": True,
        "versions": {"keras": "3.15.1", backend: "1.2.3"},
        "machine": MACHINE,
        "environment": {"KERAS_BACKEND": backend},
        "engine": {"engine": f"{backend} 1.2.3", "device": "cpu", "compiled": COMPILED[backend]},
    } | changes


def curves(steps: int, size: float, chaotic: int | None = None) -> dict[str, Any]:
    """Losses that are one curve until they part, and what they differ by: every tenth step by nothing."""
    one = [0.69 + 0.1 * np.sin(step / 7) / 3 for step in range(steps)]
    parting = [0.05 * (step - chaotic) / steps if chaotic and step >= chaotic else 0.0 for step in range(steps)]
    each = {backend: [one[s] + n * parting[s] for s in range(steps)] for n, backend in enumerate(BACKENDS)}
    difference = [0.0 if step % 10 == 9 else max(size, 2 * parting[step]) for step in range(steps)]
    return {"d_loss": each, "g_loss": each, "difference": difference}


def change(path: Path, **changes: Any) -> None:
    """Set keys of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
