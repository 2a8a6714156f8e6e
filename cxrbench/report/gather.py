"""Run folders -> one ``Results``, and the curves, histograms and pictures that its figures are drawn from."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrbench.config import Config, fingerprint
from cxrbench.folders import LOSS_COLUMNS, PROGRESS_COLUMNS, RunFolder, parity_folder, run_folder
from cxrbench.report.instructions import experiment, instructions, source_option
from cxrbench.report.manifest import Manifest, Run, Timing
from cxrbench.report.proof import compare_first_steps, read_parity
from cxrbench.report.results import REAL, NotMeasured, Read, Record, ReportError, Results, read
from cxrbench.report.sessions import Session
from cxrbench.report.stages import Benchmark, Evaluation, RunManifest, SampleManifest

FROM_IMAGES = ("train", "evaluate")  # stages that open the packed images, and pack them where that is needed


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


def gather(config: Config, backends: list[str], runs: Path, name: str) -> tuple[Results, list[Side]]:
    """Read every stage's file of every backend.

    Raises:
        ReportError: a file is damaged or foreign, no backend has any result, or what two backends did cannot be put
            side by side.
    """
    sides = [_read_side(config, backend, runs) for backend in backends]
    where = runs / config.name
    measured = any(side.run or side.benchmark or side.evaluation for side in sides)
    if not measured and not parity_folder(config, runs).result.exists():
        raise ReportError(f"{where}: no results of {', '.join(backends)}; train one of them first")
    _refuse_different(config, sides, where)
    results = Results(
        manifest=_manifest(config, sides, name),
        records=_records(sides),
        not_measured=[entry for side in sides for entry in _not_measured(side, config)],
        processes=[one for side in sides if side.benchmark for one in side.benchmark.processes],
        first_steps=compare_first_steps(
            {side.backend: (side.run, side.losses) for side in sides if side.run and side.losses is not None}
        ),
    )
    parity, unproven = read_parity(config, results.manifest.config, results.backends or backends, runs)
    missing = [_gap(backend, "parity", unproven) for backend in results.backends] if unproven else []
    return results.model_copy(update={"parity": parity, "not_measured": results.not_measured + missing}), sides


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


def _optional(path: Path, schema: type[Read]) -> Read | None:
    return read(path, schema) if path.exists() else None


def _read_side(config: Config, backend: str, runs: Path) -> Side:
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


def _why_outdated(config: Config, folder: RunFolder, run: RunManifest, evaluation: Evaluation) -> str | None:
    """Why an evaluation is not of the run or the samples that are there now, and the commands that renew it."""
    evaluate = _command(config, "evaluate")
    both = f"{_command(config, 'sample', folder.path.name)}, then {evaluate}"
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


def _records(sides: list[Side]) -> list[Record]:
    """Every backend's figures, and those of the real images once: they are the same in each evaluation."""
    parts = [part for side in sides for part in (side.benchmark, side.evaluation) if part]
    records = [record for part in parts for record in part.records]
    real: dict[str, Record] = {}
    for record in records:
        if record.backend == REAL:
            real.setdefault(record.metric, record)
    return [record for record in records if record.backend != REAL] + list(real.values())


def _not_measured(side: Side, config: Config) -> list[NotMeasured]:
    missing = [entry for part in (side.benchmark, side.evaluation) if part for entry in part.not_measured]
    files = {"train": side.run, "sample": side.samples, "bench": side.benchmark, "evaluate": side.evaluation}
    for stage, found in files.items():
        if found is None:
            outdated = side.outdated if stage == "evaluate" else None
            left = "its file is of another step or other settings" if _left(side, stage) else "the stage left no file"
            command = _command(config, stage, side.backend)
            missing.append(_gap(side.backend, stage, outdated or f"{left}; run: {command}"))
    return missing


def _command(config: Config, stage: str, backend: str = "") -> str:
    """What runs a stage with the settings given; every backend is evaluated in one command."""
    settings = config.model_dump(mode="json")
    which = {"evaluate": "", "bench": f" --backends {backend}"}.get(stage, f" --backend {backend}")
    source = source_option(settings) if stage in FROM_IMAGES else ""
    return f"python -m cxrbench {stage} {experiment(settings)}{which}{source}"


def _left(side: Side, stage: str) -> bool:
    """Whether samples are there, though not of the run as it is now."""
    return stage == "sample" and side.folder.sample_manifest.exists()


def _gap(backend: str, metric: str, reason: str) -> NotMeasured:
    return NotMeasured.model_validate({"backend": backend, "metric": metric, "reason": reason})


def _refuse_different(config: Config, sides: list[Side], where: Path) -> None:
    """All runs and benchmarks must be of one experiment, and every quality figure of one N and one dataset."""
    _refuse_other_settings(config, sides, where)
    for key, way_out in (
        ("data_fingerprint", "train them on one dataset"),
        ("steps", "train them for as many steps, or report those that are alike with --backends"),
    ):
        found = {side.backend: str(getattr(side.run, key)) for side in sides if side.run}
        if len(set(found.values())) > 1:
            raise ReportError(f"{where}: {key} differs: {_each(found)}; {way_out}")
    measured = {
        side.backend: f"N = {side.evaluation.n}, seed {side.evaluation.seed}, data {side.evaluation.data_fingerprint}"
        for side in sides
        if side.evaluation
    }
    if len(set(measured.values())) > 1:
        raise ReportError(f"{where}: quality was measured differently: {_each(measured)}; evaluate them in one command")
    drawn = {side.backend: f"seed {side.samples.seed}" for side in sides if side.samples}
    if len(set(drawn.values())) > 1:
        raise ReportError(
            f"{where}: sample.seed differs: {_each(drawn)}, and so do the latents; draw their samples with one seed"
        )
    for side in sides:
        if side.run and side.evaluation and side.run.data_fingerprint != side.evaluation.data_fingerprint:
            raise ReportError(
                f"{side.folder.evaluation}: data_fingerprint {side.evaluation.data_fingerprint} is not that of the "
                f"run, {side.run.data_fingerprint}; evaluate {side.backend} again"
            )


def _refuse_other_settings(config: Config, sides: list[Side], where: Path) -> None:
    """Runs must be of the same training settings, and benchmarks of those of the runs and of each other."""
    runs = {f"{side.backend}/run.json": side.run.training_fingerprint for side in sides if side.run}
    timed = {f"{side.backend}/bench.json": side.benchmark.training_fingerprint for side in sides if side.benchmark}
    again = experiment(config.model_dump(mode="json"))
    for found, way_out in (
        (runs, "train them with one configuration"),
        (runs | timed, f"run python -m cxrbench bench {again} with the settings of training"),
    ):
        if len(set(found.values())) > 1:
            raise ReportError(f"{where}: training_fingerprint differs: {_each(found)}; {way_out}")


def _each(values: dict[str, str]) -> str:
    return ", ".join(f"{name} has {value}" for name, value in values.items())


def _manifest(config: Config, sides: list[Side], name: str) -> Manifest:
    """What really ran comes first; the configuration given stands in where nothing was trained."""
    runs = {side.backend: side.run for side in sides if side.run}
    timed = {side.backend: side.benchmark for side in sides if side.benchmark}
    first = next(iter(runs.values()), None)
    ran: RunManifest | Benchmark | None = first or next(iter(timed.values()), None)
    settings = ran.config if ran else config.model_dump(mode="json")
    made: list[Session | Benchmark] = [*(part for run in runs.values() for part in run.parts), *timed.values()]
    commits = {one.commit for one in made}
    return Manifest.model_validate(
        {
            "name": name,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "commit": commits.pop() if len(commits) == 1 else None,  # where they differ, each keeps its own
            "clean": all(one.clean for one in made) if made else None,
            "config": settings,
            "config_fingerprint": fingerprint(settings),
            "training_fingerprint": ran.training_fingerprint if ran else config.training_fingerprint,
            "data_fingerprint": first.data_fingerprint if first else None,
            "attribution": first.attribution if first else None,
            "command": "\n".join(instructions(settings, [side.backend for side in sides], [*timed], [*runs], name)),
            "runs": {backend: Run.model_validate(run.model_dump()) for backend, run in runs.items()},
            "evaluations": {side.backend: side.evaluation.origin for side in sides if side.evaluation},
            "benchmarks": {backend: Timing.model_validate(one.model_dump()) for backend, one in timed.items()},
        }
    )
