"""``reports/precision.md``: every bound of the proof, the test that sees it fail, and what was measured where."""

from __future__ import annotations

from typing import Any

from cxrbench.parity.bounds import BOUNDS, FIRST_STEPS, FULL_SIZE
from cxrbench.parity.result import Parity
from cxrbench.report import parity_words
from cxrbench.report.first_steps import LIMIT
from cxrbench.report.page import environment
from cxrbench.report.parity_tables import SCALES, bounds
from cxrbench.report.results import Results
from cxrbench.report.wording import BACKENDS, difference, machine

FIRST_STEPS_TEST = "tests/report/test_first_steps.py::test_first_steps_that_differ_are_seen"


def render(reports: list[tuple[str, Results]]) -> str:
    """The page.

    Args:
        reports: by the name of their folder; those without a proof are passed over.
    """
    proven = [_report(name, results, results.parity) for name, results in reports if results.parity]
    return environment().get_template("precision.md.j2").render(groups=_groups(), reports=proven)


def _groups() -> dict[str, list[dict[str, str]]]:
    groups: dict[str, list[dict[str, str]]] = {}
    for name, bound in BOUNDS.items():
        groups.setdefault(bound.group, []).append(_bound(name, bound.about, bound.limit, bound.scale, bound.test))
    about = f"metrics of the first {FIRST_STEPS} steps of the report's own trainings, in float32"
    groups[FULL_SIZE].append(_bound("first_steps", about, LIMIT, "absolute", FIRST_STEPS_TEST))
    return groups


def _bound(name: str, about: str, limit: float, scale: str, test: str) -> dict[str, str]:
    file = test.partition("::")[0]
    return {
        "name": name,
        "about": about,
        "limit": difference(limit),
        "scale": SCALES.get(scale, scale),
        "test": test,
        "file": file,
    }


def _report(name: str, results: Results, parity: Parity) -> dict[str, Any]:
    return {
        "name": name,
        "verdict": parity_words.few_words(results),
        "machines": _machines(parity),
        "rows": [row for row in bounds(results).rows if len(row) > 1],  # without the heads of groups
    }


def _machines(parity: Parity) -> list[str]:
    """One line per backend: what it is, where it ran, and how it compiled the step."""
    return [
        f"{BACKENDS[backend]}: {one.engine['engine']} on {machine(one.machine, one.engine['device'])}; "
        f"{one.engine['compiled']}; commit {(one.commit or 'unknown')[:12]}"
        for backend, one in parity.witnesses.items()
    ]
