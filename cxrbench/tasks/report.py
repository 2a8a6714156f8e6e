"""Gather what every stage left and write one comparison report."""

from __future__ import annotations

import re
from pathlib import Path

from cxrbench.config import Config
from cxrbench.folders import write_json
from cxrbench.report.gather import gather
from cxrbench.report.instructions import report_command
from cxrbench.report.overview import write_overview
from cxrbench.report.page import write_report
from cxrbench.report.pipeline import write_pipeline
from cxrbench.report.records import write_records
from cxrbench.report.results import ReportError, Results, read
from cxrbench.report.seeds import with_seeds

SEED = "training from seed"


def report_task(config: Config, backends: list[str], runs: Path, reports: Path, name: str | None = None) -> Path:
    """Write ``reports/<name>/`` with ``results.json``, ``records.csv``, ``report.md``, ``index.html`` and figures, and
    the list of all.

    A backend or stage without results does not stop it: the report says what was not measured, and why.

    Args:
        name: the report's folder; the experiment's name where it is not given.

    Returns:
        The report's folder.

    Raises:
        ReportError: nothing to report, a damaged file, runs that cannot be put side by side, or a report in that
            folder that has more than there is now.
    """
    name = name or config.name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ReportError(f"report name {name!r}: use letters, digits, dots, dashes and underscores only")
    folder = reports / name
    results, sides = gather(config, backends, runs, name)
    results = with_seeds(results, config, sides, runs)
    results = results.model_copy(update={"target_kid": config.evaluate.target_kid})
    if results.manifest.config_fingerprint != config.fingerprint:
        print(f"report: the runs of {config.name} had other settings than those given now; theirs are reported")
    for entry in results.not_measured:
        print(f"report: not measured: {entry.backend}, {entry.metric}: {entry.reason}")
    _refuse_loss(folder / "results.json", results, backends, config)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", results.model_dump(mode="json"))
    write_records(folder / "records.csv", results)
    write_report(results, sides, folder)
    for problem in write_overview(reports):
        print(f"report: left out of {reports / 'index.md'}: {problem}")
    print(f"report: {folder / 'index.html'}")
    return folder


def rewrite_task(folders: list[Path], reports: Path) -> None:
    """Write the pages of reports by this version from their ``results.json``, the list of all, and ``pipeline.md``.

    Raises:
        ReportError: a report has trainings, whose losses and images are in its runs alone, or cannot be read.
    """
    for folder in folders:
        results = read(folder / "results.json", Results)
        if results.manifest.runs:
            raise ReportError(f"{folder}: it shows trainings, which are in its runs; write it with nox -s report")
        write_report(results, [], folder)
        print(f"rewrite: {folder / 'index.html'}")
    if (reports / "pipeline.json").exists():
        write_pipeline(reports)
    for problem in write_overview(reports):
        print(f"rewrite: left out of {reports / 'index.md'}: {problem}")


def _refuse_loss(file: Path, results: Results, backends: list[str], config: Config) -> None:
    """A report that is there, of runs that are elsewhere or gone, is not replaced by one of less than it has."""
    if not file.exists():
        return
    here = _parts(results)
    for what, there in _parts(read(file, Results)).items():
        lost = [backend for backend in there if backend in backends and backend not in here.get(what, ())]
        needless = what == "parity" and len(backends) < 2  # of a report of one backend
        if lost and not needless:
            elsewhere = report_command(config.model_dump(mode="json"), f"{results.manifest.name}-again")
            whole = ", or leave those out with --backends" * (not what.startswith(SEED))
            raise ReportError(
                f"{file}: has the {what} of {', '.join(lost)}, which the runs here lack; make them too, or "
                f"give the new report another name with --name{whole}. What ran is kept; run: {elsewhere}"
            )


def _parts(results: Results) -> dict[str, list[str]]:
    """What a report is made of, and the backends of which it has that."""
    manifest = results.manifest
    parts: dict[str, list[str]] = {
        "training": [*manifest.runs],
        "benchmark": [*manifest.benchmarks],
        "image quality": [*manifest.evaluations],
        "parity": [*results.parity.witnesses] if results.parity else [],
    }
    for backend, further in manifest.seed_runs.items():
        for run in further:
            parts.setdefault(f"{SEED} {run.seeds['train']}", []).append(backend)
    return parts
