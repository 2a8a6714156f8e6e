"""Results -> tables of finished words, which the templates only lay out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cxrbench.measure.machine import deciding
from cxrbench.quality.registry import METRICS, find
from cxrbench.report.manifest import Run, Timing
from cxrbench.report.results import REAL, Record, Results, is_quality
from cxrbench.report.sessions import Session
from cxrbench.report.wording import (
    BACKENDS,
    backend_and_variant,
    duration,
    interval,
    listing,
    machine,
    metric_label,
    number,
    quantity,
    shown,
    span,
)

NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """What a cell says, what it adds in small (an interval, an explanation), and whose colour it bears."""

    text: str
    small: str = ""
    backend: str = ""


@dataclass(frozen=True)
class Table:
    """Column heads and rows; the first cell of a row is its head."""

    columns: list[Cell]
    rows: list[list[Cell]]


def quality(results: Results) -> Table:
    """One row per metric; first the figure of real images at the same N, then one column per backend."""
    records = [record for record in results.records if is_quality(record.metric)]
    names = _quality_names(results)
    makers = list(dict.fromkeys((record.backend, record.variant) for record in records if record.backend != REAL))
    rows = []
    for name in names:
        own = [record for record in records if record.metric == name]
        real = figure(record for record in own if record.backend == REAL)
        made = [figure(one for one in own if (one.backend, one.variant) == maker) for maker in makers]
        rows.append([_metric_head(name, own[0]), real, *made, *_between_seeds(results, name)])
    heads = [_head(records, maker) for maker in makers]
    seeds = [Cell("Between seeds", "of trainings of the same settings, data and steps")] if results.seeds else []
    return Table([Cell("Metric"), Cell(BACKENDS[REAL], "same N", REAL), *heads, *seeds], rows)


def _between_seeds(results: Results, name: str) -> list[Cell]:
    """How far a figure spreads from seed to seed: a difference between backends that is smaller is none."""
    if not results.seeds:
        return []
    spreads = [
        f"{BACKENDS[one.backend]}: {number(min(one.values.values()))} to {number(max(one.values.values()))}"
        for one in results.seeds
        if one.metric == name
    ]
    counts = [len(one.values) for one in results.seeds if one.metric == name]
    seeds = f"{span(str(min(counts)), str(max(counts)))} seeds" if counts else ""
    return [Cell("; ".join(spreads) or NOTHING, seeds)]


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


def gaps(results: Results) -> list[Cell]:
    """What was not measured: the backends and the metric, and in small the reason they share."""
    shared: dict[tuple[str, str], list[str]] = {}
    for entry in results.not_measured:
        backends = shared.setdefault((entry.metric, entry.reason), [])
        if BACKENDS[entry.backend] not in backends:
            backends.append(BACKENDS[entry.backend])
    return [
        Cell(f"{metric_label(metric)}, {listing(backends)}", reason) for (metric, reason), backends in shared.items()
    ]


def metrics(results: Results) -> list[dict[str, Any]]:
    """The metrics of image quality that a report has: each with the names of its figures, and what it tells."""
    found = [(name, find(name)) for name in _quality_names(results)]
    known = [(name, figure) for name, figure in found if figure]
    described = []
    for one in METRICS:
        own = [(name, figure.label) for name, figure in known if figure.metric is one]
        if own:
            described.append({"label": own[0][1], "names": [name for name, _ in own], "about": one.about})
    return described


def _quality_names(results: Results) -> list[str]:
    """In the order in which they are shown; a metric of an earlier version comes last."""
    names = dict.fromkeys(record.metric for record in results.records if is_quality(record.metric))
    found = {name: find(name) for name in names}
    return sorted(names, key=lambda name: found[name].rank if found[name] else (len(METRICS), 0))  # type: ignore[union-attr]


def figure(records: Iterable[Record]) -> Cell:
    """The first of these figures, which should be one, with its interval."""
    record = next(iter(records), None)
    if record is None:
        return Cell(NOTHING)
    return Cell(shown(record), interval(record), record.backend)


def _head(records: list[Record], maker: tuple[str, str]) -> Cell:
    record = next(record for record in records if (record.backend, record.variant) == maker)
    return Cell(backend_and_variant(record), "", record.backend)


def _metric_head(name: str, example: Record) -> Cell:
    found = find(name)
    if found is None:
        return Cell(name, f"{example.unit}; N = {example.n}")
    good = {"near real": "best near the real figure"}.get(found.metric.good, f"{found.metric.good} is better")
    return Cell(found.label, "; ".join(part for part in (example.unit, good, f"N = {example.n}") if part))


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
