"""The pages of a report written again from its results alone."""

from pathlib import Path

import pytest

from cxrbench.report.results import ReportError
from cxrbench.tasks.report import rewrite_task


def test_the_pages_are_those_that_the_report_wrote(timed):
    before = {name: (timed / name).read_text() for name in ("index.html", "report.md", "results.json", "records.csv")}
    for name in ("index.html", "report.md"):
        (timed / name).write_text("of an earlier version")
    (timed.parent / "index.md").unlink()
    rewrite_task([timed], timed.parent)
    assert {name: (timed / name).read_text() for name in before} == before
    assert (timed.parent / "index.md").exists()


def test_a_report_whose_images_are_elsewhere_is_left_as_it_is(trained):
    before = (trained / "index.html").read_bytes()
    with pytest.raises(ReportError, match="it shows trainings, which are in its runs; write it with nox -s report"):
        rewrite_task([trained], trained.parent)
    assert (trained / "index.html").read_bytes() == before


def test_a_folder_without_a_report_is_named(tmp_path):
    with pytest.raises(ReportError, match="nothing/results.json: cannot be read"):
        rewrite_task([Path("nothing")], tmp_path)
