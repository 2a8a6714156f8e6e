"""The precision page: every bound with a test that exists, and what was measured for each published report."""

import re
import shutil
from pathlib import Path

import pytest

from cxrbench.parity.bounds import BOUNDS
from cxrbench.report.overview import write_overview
from cxrbench.report.precision import FIRST_STEPS_TEST, render
from cxrbench.report.results import Results, read
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, change, parity_json

ROOT = Path(__file__).resolve().parents[2]
TESTS = sorted({bound.test for bound in BOUNDS.values()} | {FIRST_STEPS_TEST})


def test_the_committed_page_is_that_of_the_committed_reports(tmp_path):
    """Where it fails: write_overview(Path("reports")) of cxrbench.report.overview renders it anew."""
    for path in (ROOT / "reports").glob("*/results.json"):
        shutil.copytree(path.parent, tmp_path / path.parent.name, ignore=shutil.ignore_patterns("*.png", "*.html"))
    write_overview(tmp_path)
    assert (ROOT / "reports" / "precision.md").read_text() == (tmp_path / "precision.md").read_text()


@pytest.mark.parametrize("test", TESTS)
def test_the_test_that_sees_a_bound_fail_is_there(test):
    file, _, function = test.partition("::")
    text = (ROOT / file).read_text()
    assert not function or re.search(rf"^def {function}\(", text, re.MULTILINE)


def test_every_bound_is_stated():
    page = render([])
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert set(rows) == {*BOUNDS, "first_steps"}
    for name, bound in BOUNDS.items():
        assert bound.about in rows[name] and f"[{bound.test}](../" in rows[name] and f"### {bound.group}\n" in page
        assert float(rows[name].split(" | ")[2]) == bound.limit
    assert "No published report has a proof yet" in page


@pytest.mark.usefixtures("undrawn")
def test_what_was_measured_stands_under_its_report(config, runs, tmp_path):
    reports = tmp_path / "reports"
    report_task(config, BACKENDS, runs, reports, "holding")
    change(runs / "smoke" / "parity" / "parity.json", **parity_json(config, {"samples": 7.0}))
    report_task(config, BACKENDS, runs, reports, "failing")
    report_task(config, ["jax"], runs, reports, "alone")
    page = (reports / "precision.md").read_text()
    assert "### alone" not in page and "No published report" not in page
    holding = page[page.index("### holding") :].partition("\n### ")[0]
    failing = page[page.index("### failing") :].partition("\n### ")[0]
    assert "| `losses_float32` | holds | 1.2e-7 | 1e-4 | torch, step 3 |" in holding and "FAILS" not in holding
    assert holding.count("\n| `") == len(BOUNDS) + 1 and "| `first_steps` | holds | 0 | 1e-3 | – |" in holding
    assert "PyTorch: torch 1.2.3 on Imaginary CPU 3000, 2 cores" in holding and "commit 0123456789ab" in holding
    assert "| `samples` | FAILS | 7 | 1 | torch, step 3 |" in failing and f"{len(BOUNDS) - 1} of" in failing
    assert "[precision.md](precision.md)" in (reports / "index.md").read_text()


def test_a_bound_that_is_no_more_is_still_reported(report):
    results = read(report / "results.json", Results)
    checks = [results.parity.checks[0].model_copy(update={"name": "former", "measured": 0.5, "limit": 0.7})]
    former = results.model_copy(update={"parity": results.parity.model_copy(update={"checks": checks})})
    assert "| `former` | holds | 0.5 | 0.7 |" in render([("old", former)])
