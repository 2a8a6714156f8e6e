"""``reports/index.html``, ``index.md`` and ``precision.md``: every report, rebuilt from its ``results.json``."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cxrbench.folders import write_atomically
from cxrbench.measure.machine import canonical
from cxrbench.parity.result import Witness
from cxrbench.report import parity_words, precision
from cxrbench.report.headline import headline, machines
from cxrbench.report.history import history
from cxrbench.report.manifest import Origin
from cxrbench.report.page import environment
from cxrbench.report.records import write_records
from cxrbench.report.results import ReportError, Results, is_quality, read
from cxrbench.report.standings import standings
from cxrbench.report.wording import BACKENDS, COLOURS, quantity

UNPUBLISHED = "smoke"  # git ignores this report, so a list that git tracks must not link to it
SHOWN = ("keras", "jax", "torch", "tensorflow", "tensorflow-cpu")  # versions
Named = tuple[str, Results]  # by the folder, which a link needs


@dataclass(frozen=True)
class Entry:
    """One line of the list."""

    name: str
    created: str
    machine: str
    parity: str
    times: str
    answer: str
    quality: str
    versions: str


def write_overview(reports: Path) -> list[str]:
    """Rebuild the lists and ``precision.md``, newest report first, without the one of the smoke test.

    Returns:
        One line for every report that is left out: its results cannot be read, or it puts backends side by side of
        which nothing shows that they did the same work.
    """
    problems: list[str] = []
    published = newest_first(_publishable(reports, problems))
    for name, results in published:
        write_records(reports / name / "records.csv", results)
    moved = history(published)
    (reports / "history.png").unlink(missing_ok=True)
    if moved:
        (reports / moved.file).write_bytes(moved.png)
    content = {"entries": [_entry(*named) for named in published], "history": moved, "colours": COLOURS}
    for name in ("index.md", "index.html"):
        write_atomically(reports / name, environment().get_template(f"{name}.j2").render(content))
    write_atomically(reports / "precision.md", precision.render(published))
    return problems


def newest_first(reports: Iterator[Named]) -> list[Named]:
    """In the order of a list."""
    return sorted(reports, key=lambda one: datetime.datetime.fromisoformat(one[1].manifest.created), reverse=True)


def _publishable(reports: Path, problems: list[str]) -> Iterator[Named]:
    """The reports that may be listed; of each other one a line goes to ``problems``."""
    for path in sorted(reports.glob("*/results.json")):
        if path.parent.name == UNPUBLISHED:
            continue
        try:
            results = read(path, Results)
        except ReportError as error:
            problems.append(str(error))
            continue
        if unproven := parity_words.unproven(results):
            problems.append(f"{path}: {unproven}")
        else:
            yield path.parent.name, results


def _entry(name: str, results: Results) -> Entry:
    return Entry(
        name=name,
        created=results.manifest.created,
        machine="; ".join(dict.fromkeys(machines(results).values())) or "not recorded",
        parity=parity_words.few_words(results),
        times=_times(results) or "not timed",
        answer=headline(results).answer,
        quality=headline(results).quality if any(is_quality(one.metric) for one in results.records) else "",
        versions=_versions(results),
    )


def _versions(results: Results) -> str:
    """Of Keras and the engines."""
    manifest = results.manifest
    witnesses = results.parity.witnesses if results.parity else {}
    made: list[Origin | Witness] = [*manifest.benchmarks.values(), *manifest.runs.values(), *witnesses.values()]
    known = {canonical(name): version for one in made for name, version in one.versions.items()}
    shown = [f"{name.removesuffix('-cpu')} {known[name]}" for name in SHOWN if known.get(name)]
    return ", ".join(shown) or "versions not recorded"


def _times(results: Results) -> str:
    """The step times of the main setting, which is named where there are others."""
    main = next(iter(standings(results)), None)
    if main is None:
        return ""
    times = ", ".join(f"{BACKENDS[record.backend]} {quantity(record.value, record.unit)}" for record in main.ours)
    return f"{times} ({main.apart})" if main.apart and times else times
