"""One set of three runs, made once: tests that change it take a copy."""

import shutil
from pathlib import Path

import pytest

from cxrbench.config import Config
from cxrbench.report.results import Results, read
from cxrbench.tasks.report import report_task
from tests.quality.real import light_features  # noqa: F401
from tests.report.fabricate import BACKENDS, small_config, three_runs
from tests.report.undrawn import leave_out_drawings


@pytest.fixture(scope="session")
def config() -> Config:
    return small_config()


@pytest.fixture(scope="session")
def made(config, tmp_path_factory) -> Path:
    return three_runs(config, tmp_path_factory.mktemp("made"))


@pytest.fixture
def runs(made, tmp_path) -> Path:
    """A copy of the runs of all three backends, to be changed at will."""
    return Path(shutil.copytree(made, tmp_path / "runs"))


@pytest.fixture(scope="session")
def report(config, made, tmp_path_factory) -> Path:
    """A whole report."""
    return report_task(config, BACKENDS, made, tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="session")
def results(report) -> Results:
    return read(report / "results.json", Results)


@pytest.fixture
def undrawn(monkeypatch) -> None:
    """For tests of words. ``report`` is drawn whole, whichever test asks for it first."""
    leave_out_drawings(monkeypatch)
