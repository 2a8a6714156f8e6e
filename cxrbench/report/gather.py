"""Run folders -> one ``Results``, and the curves, histograms and pictures that its figures are drawn from."""

from __future__ import annotations

import datetime
from pathlib import Path

from cxrbench.config import Config, fingerprint
from cxrbench.folders import parity_folder
from cxrbench.report.instructions import experiment, instructions, stage_command
from cxrbench.report.manifest import Manifest, Run, Timing
from cxrbench.report.proof import compare_first_steps, read_parity
from cxrbench.report.results import REAL, NotMeasured, Record, ReportError, Results
from cxrbench.report.sessions import Session
from cxrbench.report.sides import Side, read_side
from cxrbench.report.stages import Benchmark, RunManifest


def gather(config: Config, backends: list[str], runs: Path, name: str) -> tuple[Results, list[Side]]:
    """Read every stage's file of every backend.

    Raises:
        ReportError: a file is damaged or foreign, no backend has any result, or what two backends did cannot be put
            side by side.
    """
    sides = [read_side(config, backend, runs) for backend in backends]
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
            command = stage_command(config, stage, side.backend)
            missing.append(_gap(side.backend, stage, outdated or f"{left}; run: {command}"))
    return missing


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
