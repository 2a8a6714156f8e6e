"""Where a report comes from -> tables of finished words: what ran where, with which versions, flags and settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cxrbench.measure.machine import deciding
from cxrbench.report.manifest import Run, Timing
from cxrbench.report.results import Results
from cxrbench.report.sessions import Session
from cxrbench.report.tables import NOTHING, Cell, Table
from cxrbench.report.wording import BACKENDS, duration, machine, quantity


def timing(results: Results) -> Table:
    """One column per timed backend: engine, device, how the step was compiled, machine, commit, other versions."""
    timings = results.manifest.benchmarks
    lines = {
        "Engine": [one.engine.engine for one in timings.values()],
        "Device": [one.engine.device for one in timings.values()],
        "Step compiled": [one.engine.compiled for one in timings.values()],
        "Threads": [one.engine.threads or NOTHING for one in timings.values()],
        "Machine": [machine(one.machine, one.engine.device) for one in timings.values()],
        "Commit": [_commit(one.commit, one.clean) for one in timings.values()],
        "Versions unlike training": [_other_versions(results, backend, one) for backend, one in timings.items()],
        "Environment flags": [_pairs(one.environment) for one in timings.values()],
    }
    return _by_backend([*timings], lines)


def training(results: Results) -> Table:
    """One column per training: steps, epochs, time, device, precision, seeds, commit; images and sessions, if known."""
    manifest = results.manifest
    further = [(backend, run) for backend, several in manifest.seed_runs.items() for run in several]
    runs = [*manifest.runs.values(), *(run for _, run in further)]
    lines = {
        "Status": [run.status or NOTHING for run in runs],
        "Steps": [f"{run.steps:,}" for run in runs],
        "Epochs": [f"{run.epochs:,}" for run in runs],
        "Training time": [duration(run.train_seconds) for run in runs],
        "Grids and quality on the way": [_share_of_training(run) for run in runs],
        "Device, precision": [f"{run.device}, {run.precision}" for run in runs],
        "Seeds": [_pairs(run.seeds) for run in runs],
        "Commit": [_commit(run.commit, run.clean) for run in runs],
    }
    if any(run.images for run in runs):
        lines["Images"] = [_images(run) for run in runs]
    if any(len(run.parts) > 1 for run in runs):
        lines["Sessions"] = ["; ".join(_session(one) for one in run.parts) for run in runs]
    heads = [*_heads([*manifest.runs]), *(_head_of_seed(backend, run) for backend, run in further)]
    return Table([Cell(""), *heads], _rows(lines))


def machines(results: Results) -> Table:
    """One column per trained backend: processor, memory, accelerator, system."""
    return _by_backend([*results.manifest.runs], _lines([run.machine for run in results.manifest.runs.values()]))


def versions(results: Results) -> Table:
    """One column per trained backend: the version of each package that decides a result; results.json has them all."""
    runs = results.manifest.runs
    return _by_backend([*runs], _lines([deciding(run.versions) for run in runs.values()]))


def environments(results: Results) -> Table:
    """One column per trained backend: the environment flags that change speed or rounding."""
    return _by_backend([*results.manifest.runs], _lines([run.environment for run in results.manifest.runs.values()]))


def configuration(results: Results) -> Table:
    """Every setting of the experiment, one per row."""
    rows = []
    for section, value in results.manifest.config.items():
        settings = value.items() if isinstance(value, dict) else [("", value)]
        rows += [[Cell(f"{section}.{key}".rstrip(".")), Cell(_plain(one))] for key, one in settings]
    return Table([Cell("Setting"), Cell("Value")], rows)


def _head_of_seed(backend: str, run: Run) -> Cell:
    return Cell(BACKENDS[backend], f"from seed {run.seeds['train']}", backend)


def _images(run: Run) -> str:
    counts = run.images
    return f"{counts['train']:,} to train, {counts['test']:,} held out" if counts else NOTHING


def _session(one: Session) -> str:
    """How far it came, in what time, where and with what."""
    where = machine(one.machine, str(one.device))
    by = f"by {BACKENDS[one.backend]} " if one.backend else ""
    return (
        f"to step {one.steps:,} in {duration(one.seconds)} {by}on {one.device} ({where}), commit "
        f"{_commit(one.commit, one.clean)}"
    )


def _share_of_training(run: Run) -> str:
    share = run.progress_seconds / run.train_seconds if run.train_seconds else 0.0
    return f"{duration(run.progress_seconds)}, {100 * share:.1f} % of it" if run.progress_seconds else NOTHING


def _other_versions(results: Results, backend: str, timed: Timing) -> str:
    run = next((run for name, run in results.manifest.runs.items() if name == backend), None)
    if run is None:
        return "not trained; " + _pairs(deciding(timed.versions))
    trained = deciding(run.versions)
    other = {name: one for name, one in deciding(timed.versions).items() if trained.get(name) != one}
    return _pairs(other) if other else "none"


def _by_backend(backends: Sequence[str], lines: dict[str, list[str]]) -> Table:
    return Table([Cell(""), *_heads(backends)], _rows(lines))


def _heads(backends: Sequence[str]) -> list[Cell]:
    return [Cell(BACKENDS[backend], "", backend) for backend in backends]


def _rows(lines: dict[str, list[str]]) -> list[list[Cell]]:
    return [[Cell(key), *map(Cell, values)] for key, values in lines.items()]


def _lines(parts: list[dict[str, Any]]) -> dict[str, list[str]]:
    keys = list(dict.fromkeys(key for part in parts for key in part))
    return {key.removesuffix("_bytes"): [_field(key, part.get(key)) for part in parts] for key in keys}


def _field(key: str, value: Any) -> str:
    if key.endswith("_bytes") and isinstance(value, int | float):
        return quantity(float(value), "bytes")
    return _plain(value)


def _plain(value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return _pairs(value)
    if isinstance(value, list):
        return ", ".join(_plain(one) for one in value) or "none"
    return str(value)


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items()) or NOTHING


def _commit(commit: str | None, clean: bool | None) -> str:
    if commit is None:
        return NOTHING
    return commit[:12] + ("" if clean else " with uncommitted changes")
