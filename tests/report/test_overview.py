"""The reports' folder: names, second reports, and the list of all."""

import csv
import json
import re

import pytest

from cxrbench.parity.bounds import BOUNDS
from cxrbench.report.results import ReportError, Results, read
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, change, parity_json

pytestmark = pytest.mark.usefixtures("undrawn")


def test_a_name_cannot_leave_the_reports_folder(config, runs, tmp_path):
    with pytest.raises(ReportError, match="report name '../elsewhere'"):
        report_task(config, BACKENDS, runs, tmp_path / "reports", name="../elsewhere")


def test_a_second_report_leaves_no_old_figures(config, runs, tmp_path):
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    assert (folder / "grid-torch.png").exists()
    assert report_task(config, ["jax"], runs, tmp_path / "reports") == folder
    assert not (folder / "grid-torch.png").exists() and (folder / "grid-jax.png").exists()


def test_figures_are_removed_only_after_the_new_ones_are_written(config, runs, tmp_path, monkeypatch):
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    before = {path.name for path in folder.glob("*.png")}

    def fail(*_):
        raise ReportError("nothing drawn")

    monkeypatch.setattr("cxrbench.report.page.draw_pictures", fail)
    with pytest.raises(ReportError, match="nothing drawn"):
        report_task(config, ["jax"], runs, tmp_path / "reports")
    assert {path.name for path in folder.glob("*.png")} == before


def test_the_report_that_git_ignores_is_not_listed(config, runs, tmp_path):
    for name in ("smoke", "other"):
        report_task(config, BACKENDS, runs, tmp_path / "reports", name)
    assert (tmp_path / "reports" / "smoke" / "report.md").exists()
    text = (tmp_path / "reports" / "index.md").read_text()
    assert "[other](other/report.md)" in text and "smoke" not in text


def test_the_overview_lists_the_newest_first_and_passes_over_the_damaged(config, runs, tmp_path, capsys):
    reports = tmp_path / "reports"
    for name, created in (("older", "2025-01-01T00:00:00+00:00"), ("newest", "2026-02-02T00:00:00+02:00")):
        path = report_task(config, BACKENDS, runs, reports, name) / "results.json"
        content = json.loads(path.read_text())
        content["manifest"]["created"] = created
        path.write_text(json.dumps(content))
    (reports / "broken").mkdir()
    (reports / "broken" / "results.json").write_text("{")
    report_task(config, BACKENDS, runs, reports, "now")
    rows = [line for line in (reports / "index.md").read_text().splitlines() if line.startswith("| [")]
    assert [row.split("]")[0] for row in rows] == ["| [now", "| [newest", "| [older"]
    assert "Imaginary CPU 3000" in rows[0]
    assert "JAX 62.1 ms, PyTorch 111 ms, TensorFlow 124 ms (at 32x32 images, batch 16)" in rows[0]
    assert "left out of" in capsys.readouterr().out


def test_a_report_without_a_proof_is_left_out_and_how_to_mend_it_is_said(config, runs, tmp_path, capsys):
    reports = tmp_path / "reports"
    report_task(config, BACKENDS, runs, reports, "proven")
    (runs / "smoke" / "parity" / "parity.json").unlink()
    report_task(config, BACKENDS, runs, reports, "claimed")
    report_task(config, ["jax"], runs, reports, "alone")
    rows = listed(reports)
    assert set(rows) == {"proven", "alone"}
    assert rows["proven"][3] == f"{len(BOUNDS)} of {len(BOUNDS)} bounds" and rows["alone"][3] == "one backend alone"
    assert (
        f"report: left out of {reports / 'index.md'}: {reports / 'claimed' / 'results.json'}: parity: no result; run: "
        "nox -s parity -- --config smoke, then nox -s report -- --config smoke --name claimed."
    ) in capsys.readouterr().out


def test_a_report_whose_proof_fails_is_listed_with_that(config, runs, tmp_path):
    reports = tmp_path / "reports"
    change(runs / "smoke" / "parity" / "parity.json", **parity_json(config, {"losses_float64": 1.0}))
    report_task(config, BACKENDS, runs, reports, "failing")
    row = listed(reports)["failing"]
    assert row[3] == f"**fails**: {len(BOUNDS) - 1} of {len(BOUNDS)} bounds"
    assert row[5].startswith("These backends did not do the same work") and "fastest" not in row[5]


def test_a_report_of_an_earlier_version_is_read_and_left_out(config, runs, tmp_path, capsys):
    path = report_task(config, BACKENDS, runs, tmp_path / "reports", "old") / "results.json"
    content = json.loads(path.read_text())
    del content["parity"], content["first_steps"]
    path.write_text(json.dumps(content))
    report_task(config, BACKENDS, runs, tmp_path / "reports", "new")
    assert set(listed(tmp_path / "reports")) == {"new"}
    assert f"{path}: parity: no result; run: nox -s parity" in capsys.readouterr().out


def listed(reports):
    """The cells of each line of the list, by the report's name."""
    lines = [line.split(" | ") for line in (reports / "index.md").read_text().splitlines() if line.startswith("| [")]
    return {cells[0].partition("]")[0].removeprefix("| ["): [cell.strip(" |") for cell in cells] for cells in lines}


def test_the_list_is_a_page_too_and_shows_how_a_metric_moved(config, runs, tmp_path):
    reports = tmp_path / "reports"
    report_task(config, BACKENDS, runs, reports, "first")
    alone = (reports / "index.html").read_text()
    report_task(config, BACKENDS, runs, reports, "second")
    page = (reports / "index.html").read_text()
    assert "From report to report" in page and "From report to report" not in alone
    assert "in 2 reports" in page and page.count("data:image/png") == 1
    for link in re.findall(r'href="([^"]+)"', page):
        assert (reports / link).exists(), link
    assert "keras 3.15.1" in page and "KID" in page and "JAX 62.1 ms" in page


def test_the_records_are_a_table_too(config, runs, tmp_path):
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    results = read(folder / "results.json", Results)
    with (folder / "records.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(results.records)
    for row, one in zip(rows, results.records, strict=True):
        assert (row["backend"], row["metric"], float(row["value"])) == (one.backend, one.metric, one.value)
        assert [float(value) for value in row["values"].split(";") if value] == one.values
