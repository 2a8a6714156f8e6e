"""The folder of one backend's run -> what every stage left there, as far as it is of the run as it is now."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrbench.config import Config
from cxrbench.folders import LOSS_COLUMNS, PROGRESS_COLUMNS, RunFolder, run_folder
from cxrbench.report.instructions import stage_command
from cxrbench.report.results import REAL, Read, ReportError, read
from cxrbench.report.stages import Benchmark, Evaluation, RunManifest, SampleManifest


@dataclass(frozen=True)
class Side:
    """What one backend left behind; a stage that did not run, or whose results are outdated, is None."""

    backend: str
    folder: RunFolder
    run: RunManifest | None
    benchmark: Benchmark | None
    evaluation: Evaluation | None
    outdated: str | None
    losses: NDArray[Any] | None
    progress: NDArray[Any] | None
    samples: SampleManifest | None
    grid: Path | None  # of these samples, or else of those that were drawn while training
    interpolation: Path | None
    drawn: dict[int, Path]  # images of the same latents, by epoch

    def picture(self, name: str) -> Path | None:
        """A picture of the evaluation, see ``quality.gallery``."""
        path = self.folder.path / f"{name}.png"
        return path if self.evaluation and path.exists() else None


def read_side(config: Config, backend: str, runs: Path) -> Side:
    """Read every stage's file of one backend.

    Raises:
        ReportError: a file is damaged or foreign.
    """
    folder = run_folder(config, backend, runs)
    run = _optional(folder.manifest, RunManifest)
    benchmark, evaluation = _optional(folder.benchmark, Benchmark), _optional(folder.evaluation, Evaluation)
    for path, part in ((folder.benchmark, benchmark), (folder.evaluation, evaluation)):
        strangers = {record.backend for record in part.records} - {backend, REAL} if part else set()
        if strangers:
            raise ReportError(f"{path}: holds figures of {', '.join(strangers)}, not of {backend}; run its stage again")
    outdated = _why_outdated(config, folder, run, evaluation) if run and evaluation else None
    progress = read_table(folder.progress, PROGRESS_COLUMNS) if folder.progress.exists() else None
    epochs = [] if progress is None else [int(epoch) for epoch in progress["epoch"]]
    samples = _new_samples(folder, run)
    return Side(
        backend=backend,
        folder=folder,
        run=run,
        benchmark=benchmark,
        evaluation=None if outdated else evaluation,
        outdated=outdated,
        losses=read_table(folder.losses, LOSS_COLUMNS) if folder.losses.exists() else None,
        progress=progress,
        samples=samples,
        grid=folder.sample_grid if samples else max(folder.grids.glob("epoch-*.png"), default=None),
        interpolation=folder.interpolation if samples and folder.interpolation.exists() else None,
        drawn={epoch: folder.drawn(epoch) for epoch in epochs if folder.drawn(epoch).exists()},
    )


def read_table(path: Path, columns: tuple[str, ...]) -> NDArray[Any]:
    """The rows that training wrote: structured, with these columns as float64.

    Raises:
        ReportError: the file is damaged or has other columns.
    """
    try:
        with path.open(encoding="utf-8") as file:
            header = tuple(file.readline().strip().split(","))
            if header != columns:
                raise ReportError(f"{path}: its columns are {','.join(header)}, not {','.join(columns)}")
            return np.loadtxt(file, delimiter=",", dtype=[(column, np.float64) for column in columns], ndmin=1)
    except (ValueError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: damaged ({error}); train again") from None


def samples_sha256(images: NDArray[np.uint8]) -> str:
    """What ties an evaluation to its samples."""
    return hashlib.sha256(images.tobytes()).hexdigest()


def _why_outdated(config: Config, folder: RunFolder, run: RunManifest, evaluation: Evaluation) -> str | None:
    """Why an evaluation is not of the run or the samples that are there now, and the commands that renew it."""
    evaluate = stage_command(config, "evaluate")
    both = f"{stage_command(config, 'sample', folder.path.name)}, then {evaluate}"
    if evaluation.training_fingerprint != run.training_fingerprint:
        ours, theirs = evaluation.training_fingerprint, run.training_fingerprint
        return f"evaluation.json is of training settings {ours}, the run of {theirs}; run: {both}"
    if evaluation.step != run.steps:
        return f"evaluation.json is of step {evaluation.step}, the run has {run.steps} steps; run: {both}"
    if folder.sample_images.exists() and evaluation.samples_sha256 != _sha256_on_disk(folder, both):
        return f"evaluation.json is of other samples than those in samples/ now; run: {evaluate}"
    return None


def _sha256_on_disk(folder: RunFolder, command: str) -> str:
    try:
        return samples_sha256(np.load(folder.sample_images, allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise ReportError(f"{folder.sample_images}: damaged ({error}); run: {command}") from None


def _new_samples(folder: RunFolder, run: RunManifest | None) -> SampleManifest | None:
    """What samples there are, if they are of the run as it is now."""
    samples = _optional(folder.sample_manifest, SampleManifest)
    wanted = (run.training_fingerprint, run.steps) if run else None
    new = folder.sample_grid.exists() and samples and wanted in (None, (samples.training_fingerprint, samples.step))
    return samples if new else None


def _optional(path: Path, schema: type[Read]) -> Read | None:
    return read(path, schema) if path.exists() else None
