"""The reports of this repository: still read by this version, whole, listed, and small enough to be cloned."""

import html
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cxrbench.measure.machine import ROOT
from cxrbench.report.courses import LEADING
from cxrbench.report.headline import headline
from cxrbench.report.overview import UNPUBLISHED, write_overview
from cxrbench.report.parity_words import unproven
from cxrbench.report.pipeline import write_pipeline
from cxrbench.report.results import REAL, Results, is_quality, read
from cxrbench.report.wording import BACKENDS

REPORTS = ROOT / "reports"


def published() -> list[Path]:
    """Those under version control; all that there are, but for CI's, where git does not tell."""
    there = sorted(path.parent for path in REPORTS.glob("*/results.json") if path.parent.name != UNPUBLISHED)
    listed = subprocess.run(
        ["git", "ls-files", "*/results.json"], cwd=REPORTS, capture_output=True, text=True, check=False
    )
    tracked = {Path(line).parent.name for line in listed.stdout.splitlines()}
    return [report for report in there if report.name in tracked or not tracked]


PUBLISHED = published()
# Pages of earlier versions, which README says of them; that of parity compared less than today's words would claim.
EARLIER = {"nih64", "parity"}
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_BYTES = 40e6


def links(file: Path) -> list[str]:
    """The files that a Markdown page points to or shows, without places within it."""
    text = file.read_text(encoding="utf-8")
    found = re.findall(r'\]\(([^)\s]+)\)|src="([^"]+)"', text)
    return [link.partition("#")[0] for pair in found for link in pair if link and not link.startswith(("http", "#"))]


@pytest.mark.parametrize("report", PUBLISHED, ids=lambda path: path.name)
def test_a_report_is_read_and_everything_it_shows_is_there(report):
    results = read(report / "results.json", Results)
    assert results.manifest.name == report.name and (results.records or results.parity)
    shown = links(report / "report.md")
    assert shown and [link for link in shown if not (report / link).exists()] == []


@pytest.mark.parametrize("report", [one for one in PUBLISHED if one.name not in EARLIER], ids=lambda path: path.name)
def test_both_pages_say_what_the_results_say_today(report):
    results = read(report / "results.json", Results)
    said = headline(results)
    sentences = [said.answer, said.where, said.detail, said.proof, *said.further, *said.caveats]
    sentences += [said.quality] if any(is_quality(one.metric) for one in results.records) else []
    for name in ("report.md", "index.html"):
        page = html.unescape((report / name).read_text(encoding="utf-8"))
        assert [one for one in sentences if one not in page] == [], (
            f"{name}: write it anew with nox -s report or rewrite"
        )


@pytest.mark.parametrize("name", ["nih64-augmented", "nih128-augmented"])
def test_the_readme_tells_the_figures_of_the_report_that_it_speaks_of(name):
    said = " ".join(README.partition(f"- [`{name}`]")[2].partition("\n- ")[0].split())
    results = read(REPORTS / name / "results.json", Results)
    figures = {one.backend: f"{one.value:.3f}" for one in results.records if one.metric == LEADING}
    assert f"real training images: {figures.pop(REAL)}" in said
    for backend, value in figures.items():
        assert (f"{value} ({BACKENDS[backend]}" if len(figures) > 1 else f"a KID of {value} (") in said
    for one in results.seeds:
        if one.metric == LEADING:
            assert f"a KID of {min(one.values.values()):.3f} to {max(one.values.values()):.3f}" in said


def test_the_readme_and_the_list_point_to_what_is_there():
    for file in (ROOT / "README.md", REPORTS / "index.md"):
        assert [link for link in links(file) if not (file.parent / link).exists()] == []
    listed = (REPORTS / "index.md").read_text(encoding="utf-8")
    proven = [report for report in PUBLISHED if not unproven(read(report / "results.json", Results))]
    assert [report.name for report in proven if f"({report.name}/report.md)" not in listed] == []


def test_the_lists_say_what_the_results_say_today(tmp_path):
    for report in PUBLISHED:
        (tmp_path / report.name).mkdir()
        shutil.copy(report / "results.json", tmp_path / report.name)
    write_overview(tmp_path)
    shutil.copy(REPORTS / "pipeline.json", tmp_path)
    write_pipeline(tmp_path)
    for name in ("index.md", "precision.md", "pipeline.md"):
        assert (REPORTS / name).read_text(encoding="utf-8").splitlines() == (
            (tmp_path / name).read_text(encoding="utf-8").splitlines()
        ), f"{name}: write it anew with nox -s report or rewrite"


def test_all_reports_together_are_small_enough_to_be_cloned():
    assert len(PUBLISHED) >= 3
    files = [path for path in REPORTS.rglob("*") if path.is_file() and UNPUBLISHED not in path.parts]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
