"""Where runs keep their files. Stages meet only here, so that each can run alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrbench.config import Config
from cxrbench.errors import RunError

RUNS = Path("runs")
DATASETS = Path("datasets")
REPORTS = Path("reports")
BACKENDS = ("jax", "torch", "tensorflow")
PROGRESS_COLUMNS = ("step", "epoch", "train_seconds", "finest_sliced_wasserstein", "intensity_wasserstein")
LOSS_COLUMNS = ("step", "epoch", "d_loss", "g_loss", "d_real", "d_fake", "d_skipped")


@dataclass(frozen=True)
class RunFolder:
    """The files of one experiment on one backend: ``runs/<name>/<backend>/``."""

    path: Path

    @property
    def manifest(self) -> Path:
        """What ran, on which machine, with which versions and settings, in which sessions (JSON)."""
        return self.path / "run.json"

    @property
    def losses(self) -> Path:
        """One CSV row per training step."""
        return self.path / "losses.csv"

    @property
    def progress(self) -> Path:
        """Quality at fixed latents: one CSV row per sample grid."""
        return self.path / "progress.csv"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def generator(self) -> Path:
        """The trained generator alone: ``keras.models.load_model`` reads it after ``import cxrbench.gan.layers``."""
        return self.path / "generator.keras"

    @property
    def compile_cache(self) -> Path:
        """What a slow compiler keeps between processes."""
        return self.path / "compile-cache"

    @property
    def grids(self) -> Path:
        """``epoch-00004.png``: the same latents at every set epoch."""
        return self.path / "grids"

    def drawn(self, epoch: int) -> Path:
        """(N, H, W) uint8 of the same latents, drawn with the grid of an epoch: what ``evaluate`` measures them by."""
        return self.path / "course" / f"epoch-{epoch:05d}.npy"

    @property
    def samples(self) -> Path:
        """``images.npy`` (N, H, W) uint8, ``grid.png``, ``interpolation.png`` and ``png/``."""
        return self.path / "samples"

    @property
    def sample_grid(self) -> Path:
        return self.samples / "grid.png"

    @property
    def interpolation(self) -> Path:
        return self.samples / "interpolation.png"

    @property
    def sample_manifest(self) -> Path:
        """Which checkpoint the samples are of (JSON)."""
        return self.samples / "samples.json"

    @property
    def sample_images(self) -> Path:
        return self.samples / "images.npy"

    @property
    def benchmark(self) -> Path:
        """Speed and memory records, where they were made, and pytest-benchmark's raw values (JSON)."""
        return self.path / "bench.json"

    @property
    def evaluation(self) -> Path:
        """Quality figures (JSON)."""
        return self.path / "evaluation.json"

    def read_manifest(self) -> dict[str, Any]:
        """The manifest, or an error that says which command writes it."""
        command = f"python -m cxrbench train --backend {self.path.name}, with the options of this run"
        if not self.manifest.exists():
            raise RunError(f"{self.manifest}: no such run; train it first: {command}")
        try:
            manifest = json.loads(self.manifest.read_text(encoding="utf-8"))
        except ValueError:
            manifest = None
        if not isinstance(manifest, dict) or "training_fingerprint" not in manifest:
            raise RunError(f"{self.manifest}: damaged; delete it and go on from the newest checkpoint with: {command}")
        return manifest


@dataclass(frozen=True)
class BenchFolder:
    """What every process of a benchmark left, of all backends: ``runs/<name>/bench/``."""

    path: Path

    @property
    def unfinished(self) -> Path:
        """What is being measured, as long as it is (JSON): a run that was stopped goes on from it."""
        return self.path / "unfinished.json"

    def raw(self, process: str) -> Path:
        """pytest-benchmark's JSON of one process, with the machine's state around it."""
        return self.path / f"{process}.json"

    def log(self, process: str) -> Path:
        """What one process printed."""
        return self.path / f"{process}.log"

    @property
    def caches(self) -> Path:
        """A compile cache per variant and setting, kept until the benchmark is finished."""
        return self.path / "compile-caches"


@dataclass(frozen=True)
class ParityFolder:
    """The files of the proof that all backends do the same work: ``runs/<name>/parity/``."""

    path: Path

    def evidence(self, stage: str, backend: str) -> Path:
        """What one backend computed in the stage ``record`` or ``exchange``."""
        return self.path / f"{stage}-{backend}.npz"

    def checkpoints(self, backend: str) -> dict[str, Path]:
        """By precision, the folder of the checkpoint that one backend leaves for the others."""
        return {precision: self.path / "checkpoints" / f"{backend}-{precision}" for precision in ("float32", "float64")}

    @property
    def result(self) -> Path:
        """Every bound with what was measured (JSON)."""
        return self.path / "parity.json"

    @property
    def figure(self) -> Path:
        return self.path / "parity.png"


def parity_folder(config: Config, root: Path = RUNS) -> ParityFolder:
    """The folder of one experiment's proof."""
    return ParityFolder(root / config.name / "parity")


def bench_folder(config: Config, root: Path = RUNS) -> BenchFolder:
    """The folder of one experiment's benchmark."""
    return BenchFolder(root / config.name / "bench")


def run_folder(config: Config, backend: str, root: Path = RUNS) -> RunFolder:
    """The folder of one experiment on one backend."""
    return RunFolder(root / config.name / backend)


def write_atomically(path: Path, text: str) -> None:
    """Replace a text file in one step: a reader sees the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, in a form that a person can read and git can diff."""
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
