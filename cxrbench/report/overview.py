"""``reports/index.md``: every report there is, rebuilt from each one's ``results.json``."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from cxrbench.folders import write_atomically
from cxrbench.report.headline import headline, machines, ranking
from cxrbench.report.page import environment
from cxrbench.report.results import ReportError, Results, read
from cxrbench.report.wording import BACKENDS, quantity

UNPUBLISHED = "smoke"  # git ignores this report, so a list that git tracks must not link to it


@dataclass(frozen=True)
class Entry:
    """One line of the list."""

    name: str
    created: str
    machine: str
    times: str
    answer: str


def write_overview(reports: Path) -> list[str]:
    """Rebuild ``index.md``, newest report first, without the one of the smoke test.

    Returns:
        One line for every folder whose results cannot be read; it is left out of the list.
    """
    entries, problems = [], []
    for path in sorted(reports.glob("*/results.json")):
        if path.parent.name == UNPUBLISHED:
            continue
        try:
            entries.append(_entry(path))
        except ReportError as error:
            problems.append(str(error))
    entries.sort(key=lambda entry: datetime.datetime.fromisoformat(entry.created), reverse=True)
    write_atomically(reports / "index.md", environment().get_template("index.md.j2").render(entries=entries))
    return problems


def _entry(path: Path) -> Entry:
    results = read(path, Results)
    times = [f"{BACKENDS[record.backend]} {quantity(record.value, record.unit)}" for record in ranking(results)]
    return Entry(
        name=path.parent.name,
        created=results.manifest.created,
        machine="; ".join(dict.fromkeys(machines(results).values())) or "not recorded",
        times=", ".join(times) or "not timed",
        answer=headline(results).answer,
    )
