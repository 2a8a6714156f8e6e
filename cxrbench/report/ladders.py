"""``reports/ladders.md``: what each metric of image quality sees and misses, of every data set that was damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cxrbench.folders import write_atomically
from cxrbench.quality.intervals import Measured
from cxrbench.quality.ladders import LADDERS, NONE, sees
from cxrbench.quality.registry import find
from cxrbench.report.page import environment
from cxrbench.report.results import Name, Origin, Schema, Text, read
from cxrbench.report.wording import number


class Figure(Schema):
    """One figure of one rung."""

    value: float
    ci_low: float | None
    ci_high: float | None


class Rung(Schema):
    """What was done to the images, and what every metric found."""

    ladder: Name
    amount: float
    figures: dict[Name, Figure]


class LadderTable(Schema):
    """``reports/ladders/<name>.json``: the ladders of one data set."""

    name: Name
    source: Name
    image_size: int
    n: int
    seed: int
    data_fingerprint: Name
    attribution: Text
    origin: Origin
    rungs: list[Rung]


def write_ladders(reports: Path) -> Path:
    """Render the table of every data set there is; returns the file."""
    tables = [read(file, LadderTable) for file in sorted((reports / "ladders").glob("*.json"))]
    content = {"tables": [_content(table) for table in tables]}
    file = reports / "ladders.md"
    write_atomically(file, environment().get_template("ladders.md.j2").render(content))
    return file


def missed(table: LadderTable) -> list[str]:
    """The kinds of damage whose strongest step no metric sees."""
    seen = {rung.ladder for rung in table.rungs if _seeing(table, rung)}
    return [name for name in LADDERS if name not in seen]


def _content(table: LadderTable) -> dict[str, Any]:
    whole, *damaged = table.rungs
    names = sorted(whole.figures, key=lambda name: found.rank if (found := find(name)) else (0, 0))
    heads = [f"{rung.ladder} {rung.amount:g}" for rung in damaged]
    units = {name: f"{name}: {ladder.unit}" for name, ladder in LADDERS.items()}
    rows = []
    for name in names:
        figure = find(name)
        cells = [_cell(table, rung, name) for rung in damaged]
        rows.append([figure.label if figure else name, number(whole.figures[name].value), *cells])
    return {
        "table": table,
        "heads": [NONE, *heads],
        "rows": rows,
        "units": list(units.values()),
        "missed": missed(table),
        "seeing": {head: len(_seeing(table, rung)) for head, rung in zip(heads, damaged, strict=True)},
    }


def _cell(table: LadderTable, rung: Rung, name: str) -> str:
    if name not in rung.figures:
        return "–"
    text = number(rung.figures[name].value)
    return f"**{text}**" if name in _seeing(table, rung) else text


def _seeing(table: LadderTable, rung: Rung) -> list[str]:
    whole = table.rungs[0]
    if rung is whole:
        return []
    both = ((name, one, whole.figures[name]) for name, one in rung.figures.items() if name in whole.figures)
    return [name for name, one, other in both if sees(name, _measured(one), _measured(other))]


def _measured(figure: Figure) -> Measured:
    return Measured(figure.value, figure.ci_low, figure.ci_high)
