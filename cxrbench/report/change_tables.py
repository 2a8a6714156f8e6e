"""What made the shared step fast -> a table of finished words: each change with its gain, in the order of effect."""

from __future__ import annotations

from cxrbench.report.results import Record, Results
from cxrbench.report.standings import standings
from cxrbench.report.tables import Cell, Table, figure
from cxrbench.report.wording import BACKENDS, metric_label
from cxrbench.variants import WITHOUT
from cxrbench.variants.changes import CHANGES


def changes(results: Results) -> Table:
    """One row per backend and change, the greatest gain first; a row of one cell is the head of a setting."""
    rows: list[list[Cell]] = []
    measured = standings(results)
    for standing in measured:
        undone = [one for one in standing.records if one.metric == "step_time_ratio" and _change(one)]
        rows += [[Cell(standing.setting)]] if undone and len(measured) > 1 else []
        for ratio in sorted(undone, key=lambda one: one.value):
            time, change = standing.find(ratio.backend, ratio.variant, "step_time"), CHANGES[_change(ratio)]
            head = Cell(f"{BACKENDS[ratio.backend]}: {change.what}", f"instead of {change.instead_of}", ratio.backend)
            rows.append([head, figure([time] if time else []), figure([ratio])])
    heads = (Cell("Change"), Cell(metric_label("step_time"), "without it"), Cell("Ours over that"))
    return Table(list(heads), rows)


def _change(record: Record) -> str:
    """The change that is undone in the variant of a record; empty for another variant, or a change of former times."""
    kind, _, change = record.variant.partition("-")
    return change if kind == WITHOUT and change in CHANGES else ""
