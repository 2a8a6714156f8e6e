"""``reports/ladders.md``: what each metric of image quality sees and misses, of every data set that was damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cxrbench.folders import write_atomically
from cxrbench.parity.result import Schema
from cxrbench.quality.intervals import Measured
from cxrbench.quality.ladders import LADDERS, NONE, cannot_see, sees
from cxrbench.quality.registry import find
from cxrbench.report.courses import Figure
from cxrbench.report.manifest import Name, Origin, Text
from cxrbench.report.page import environment
from cxrbench.report.results import read
from cxrbench.report.wording import number


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
    """The kinds of damage that no metric sees at any step."""
    seen = {rung.ladder for rung in table.rungs[1:] if _seeing(rung, table.rungs[0])}
    return [name for name in LADDERS if name not in seen]


def _content(table: LadderTable) -> dict[str, Any]:
    whole, *damaged = table.rungs
    labels = {name: (found.label, found.rank) if (found := find(name)) else (name, (0, 0)) for name in whole.figures}
    seeing = [_seeing(rung, whole) for rung in damaged]
    rows = [
        [labels[name][0], number(whole.figures[name].value)]
        + [_cell(rung, whole, name, name in seen) for rung, seen in zip(damaged, seeing, strict=True)]
        for name in sorted(whole.figures, key=lambda name: labels[name][1])
    ]
    return {
        "table": table,
        "heads": [NONE, *(f"{rung.ladder} {rung.amount:g}" for rung in damaged)],
        "rows": rows,
        "units": [f"{name}: {ladder.unit}" for name, ladder in LADDERS.items()],
        "missed": missed(table),
    }


def _cell(rung: Rung, whole: Rung, name: str, seen: bool) -> str:
    if name not in rung.figures or cannot_see(_measured(whole.figures[name])):
        return "–"
    text = number(rung.figures[name].value)
    return f"**{text}**" if seen else text


def _seeing(rung: Rung, whole: Rung) -> set[str]:
    """The figures that tell this damage from whole images."""
    both = ((name, one, whole.figures[name]) for name, one in rung.figures.items() if name in whole.figures)
    return {name for name, one, other in both if sees(name, _measured(one), _measured(other))}


def _measured(figure: Figure) -> Measured:
    return Measured(figure.value, figure.ci_low, figure.ci_high)
