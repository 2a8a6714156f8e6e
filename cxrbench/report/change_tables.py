"""What made the step fast -> finished words: each change with its gain in a table, the greatest in a sentence."""

from __future__ import annotations

from cxrbench.report.results import Record, Results
from cxrbench.report.standings import Standing, standings
from cxrbench.report.tables import Cell, Table, figure
from cxrbench.report.wording import BACKENDS, interval, metric_label, number
from cxrbench.variants import WITHOUT
from cxrbench.variants.changes import CHANGES


def changes(results: Results) -> Table:
    """One row per backend and change, the greatest gain first; a row of one cell is the head of a setting."""
    rows: list[list[Cell]] = []
    measured = standings(results)
    for standing in measured:
        undone = _undone(standing)
        rows += [[Cell(standing.setting)]] if undone and len(measured) > 1 else []
        for ratio in undone:
            time, change = standing.find(ratio.backend, ratio.variant, "step_time"), CHANGES[_change(ratio)]
            head = Cell(f"{BACKENDS[ratio.backend]}: {change.what}", f"instead of {change.instead_of}", ratio.backend)
            rows.append([head, figure([time] if time else []), figure([ratio])])
    heads = (Cell("Change"), Cell(metric_label("step_time"), "without it"), Cell("Ours over that"))
    return Table(list(heads), rows)


def greatest(standing: Standing) -> list[str]:
    """One sentence: the change of the greatest gain on each backend in one setting, of the gains that can be told."""
    best: dict[str, Record] = {}
    for ratio in _undone(standing):
        if ratio.ci_high is not None and ratio.ci_high < 1:
            best.setdefault(ratio.backend, ratio)
    told = [
        f"on {BACKENDS[backend]}, {CHANGES[_change(best[backend])].what} ({number(best[backend].value)} of the time "
        f"without that, {interval(best[backend])})"
        for backend in BACKENDS
        if backend in best
    ]
    where = f" {standing.apart}" if standing.apart else ""
    return [f"What made it fast{where}: {'; '.join(told)}."] if told else []


def _undone(standing: Standing) -> list[Record]:
    """The ratios of ours to itself without one change each, the greatest gain first."""
    found = [one for one in standing.records if one.metric == "step_time_ratio" and _change(one)]
    return sorted(found, key=lambda one: one.value)


def _change(record: Record) -> str:
    """The change that is undone in the variant of a record; empty for another variant, or a change of former times."""
    kind, _, change = record.variant.partition("-")
    return change if kind == WITHOUT and change in CHANGES else ""
