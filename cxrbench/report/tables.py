"""Results -> tables of finished words, which the templates only lay out: what all are made of, and image quality's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cxrbench.quality.registry import METRICS, find
from cxrbench.report.results import REAL, Record, Results, is_quality
from cxrbench.report.wording import (
    BACKENDS,
    backend_and_variant,
    interval,
    listing,
    metric_label,
    number,
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
