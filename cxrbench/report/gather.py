"""Run folders -> one ``Results``, and the curves, histograms and pictures that its figures are drawn from."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrbench.config import Config
from cxrbench.folders import RunFolder, run_folder
from cxrbench.report.reproduce import commands
from cxrbench.report.results import (
    REAL,
    Benchmark,
    Evaluation,
    Manifest,
    NotMeasured,
    Read,
    Record,
    ReportError,
    Results,
    Run,
    RunManifest,
    read,
)

LOSS_COLUMNS = ("step", "epoch", "d_loss", "g_loss", "d_real", "d_fake", "d_skipped")


@dataclass(frozen=True)
class Side:
    """What one backend left behind; a stage that did not run is None."""

    backend: str
    folder: RunFolder
    run: RunManifest | None
    benchmark: Benchmark | None
    evaluation: Evaluation | None
    losses: NDArray[Any] | None
    grid: Path | None

    @property
    def reference(self) -> Path | None:
        """A small picture of real images, which the evaluation writes."""
        path = self.folder.path / "reference.png"
        return path if path.exists() else None


def gather(config: Config, backends: list[str], runs: Path, name: str) -> tuple[Results, list[Side]]:
    """Read every stage's file of every backend.

    Raises:
        ReportError: a file is damaged or foreign, no backend has any result, or what two backends did cannot be put
            side by side.
    """
    sides = [_read_side(backend, run_folder(config, backend, runs)) for backend in backends]
    where = runs / config.name
    if not any(side.run or side.benchmark or side.evaluation for side in sides):
        raise ReportError(f"{where}: no results of {', '.join(backends)}; train one of them first")
    _refuse_different(sides, where)
    results = Results(
        manifest=_manifest(config, sides, name),
        records=_records(sides),
        not_measured=[entry for side in sides for entry in _not_measured(side, config)],
    )
    return results, sides


def read_losses(path: Path) -> NDArray[Any]:
    """One structured row per training step, with the columns of ``LOSS_COLUMNS`` as float64.

    Raises:
        ReportError: the file is damaged or has other columns.
    """
    try:
        with path.open(encoding="utf-8") as file:
            header = tuple(file.readline().strip().split(","))
            if header != LOSS_COLUMNS:
                raise ReportError(f"{path}: its columns are {','.join(header)}, not {','.join(LOSS_COLUMNS)}")
            return np.loadtxt(file, delimiter=",", dtype=[(column, np.float64) for column in LOSS_COLUMNS], ndmin=1)
    except (ValueError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: damaged ({error}); train again") from None


def _read_side(backend: str, folder: RunFolder) -> Side:
    def optional(path: Path, schema: type[Read]) -> Read | None:
        return read(path, schema) if path.exists() else None

    benchmark, evaluation = optional(folder.benchmark, Benchmark), optional(folder.evaluation, Evaluation)
    for path, part in ((folder.benchmark, benchmark), (folder.evaluation, evaluation)):
        strangers = {record.backend for record in part.records} - {backend, REAL} if part else set()
        if strangers:
            raise ReportError(f"{path}: holds figures of {', '.join(strangers)}, not of {backend}; run its stage again")
    return Side(
        backend=backend,
        folder=folder,
        run=optional(folder.manifest, RunManifest),
        benchmark=benchmark,
        evaluation=evaluation,
        losses=read_losses(folder.losses) if folder.losses.exists() else None,
        grid=_newest_grid(folder),
    )


def _newest_grid(folder: RunFolder) -> Path | None:
    """The sample grid, or else the last training grid: both show the same latents on every backend."""
    grid = folder.samples / "grid.png"
    return grid if grid.exists() else max(folder.grids.glob("epoch-*.png"), default=None)


def _records(sides: list[Side]) -> list[Record]:
    """Every backend's figures, and those of the real images once: they are the same in each evaluation."""
    parts = [part for side in sides for part in (side.benchmark, side.evaluation) if part]
    records = [record for part in parts for record in part.records if record.backend != REAL]
    real: dict[str, Record] = {}
    for part in parts:
        for record in part.records:
            if record.backend == REAL:
                real.setdefault(record.metric, record)
    return records + list(real.values())


def _not_measured(side: Side, config: Config) -> list[NotMeasured]:
    missing = [entry for part in (side.benchmark, side.evaluation) if part for entry in part.not_measured]
    files = {"train": side.run, "sample": side.grid, "bench": side.benchmark, "evaluate": side.evaluation}
    for stage, found in files.items():
        if found is None:
            option = "" if stage == "evaluate" else f" --backend {side.backend}"
            reason = f"the stage left no file; run: python -m cxrbench {stage} --config {config.name}{option}"
            missing.append(NotMeasured.model_validate({"backend": side.backend, "metric": stage, "reason": reason}))
    return missing


def _refuse_different(sides: list[Side], where: Path) -> None:
    """Every run side by side must be of one experiment, and every quality figure of one N and one dataset."""
    for key, way_out in (
        ("config_fingerprint", "train them with one configuration"),
        ("data_fingerprint", "train them on one dataset"),
    ):
        found = {side.backend: getattr(side.run, key) for side in sides if side.run}
        if len(set(found.values())) > 1:
            raise ReportError(f"{where}: {key} differs: {_each(found)}; {way_out}")
    measured = {
        side.backend: f"N = {side.evaluation.n}, seed {side.evaluation.seed}, data {side.evaluation.data_fingerprint}"
        for side in sides
        if side.evaluation
    }
    if len(set(measured.values())) > 1:
        raise ReportError(f"{where}: quality was measured differently: {_each(measured)}; evaluate them in one command")
    for side in sides:
        if side.run and side.evaluation and side.run.data_fingerprint != side.evaluation.data_fingerprint:
            raise ReportError(
                f"{side.folder.evaluation}: data_fingerprint {side.evaluation.data_fingerprint} is not that of the "
                f"run, {side.run.data_fingerprint}; evaluate {side.backend} again"
            )


def _each(values: dict[str, str]) -> str:
    return ", ".join(f"{backend} has {value}" for backend, value in values.items())


def _manifest(config: Config, sides: list[Side], name: str) -> Manifest:
    """What really ran comes first; the configuration given stands in where nothing was trained."""
    runs = {side.backend: side.run for side in sides if side.run}
    first = next(iter(runs.values()), None)
    settings = first.config if first else config.model_dump(mode="json")
    commits = {run.commit for run in runs.values()}
    return Manifest.model_validate(
        {
            "name": name,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "commit": commits.pop() if len(commits) == 1 else None,  # where they differ, each run keeps its own
            "clean": all(run.clean for run in runs.values()) if runs else None,
            "config": settings,
            "config_fingerprint": first.config_fingerprint if first else config.fingerprint,
            "data_fingerprint": first.data_fingerprint if first else None,
            "attribution": first.attribution if first else None,
            "command": "\n".join(commands(settings, [side.backend for side in sides])),
            "runs": {backend: Run.model_validate(run.model_dump()) for backend, run in runs.items()},
        }
    )
