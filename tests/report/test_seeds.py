"""Trainings from other seeds: their spread stands beside the difference between backends."""

import json
import shutil

import pytest

from cxrbench.report.results import Results, read
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, change

pytestmark = pytest.mark.usefixtures("undrawn")

METRIC = "intensity_wasserstein_256"


def add_seed(runs, seed, value, name=None, **changes):
    """A copy of JAX's run that was trained from another seed, and scored this."""
    folder = runs / (name or f"smoke-seed{seed}") / "jax"
    shutil.copytree(runs / "smoke" / "jax", folder)
    change(folder / "run.json", seeds={"train": seed, "sample": 1}, **changes)

    records = json.loads((folder / "evaluation.json").read_text())["records"]
    for one in records:
        if (one["metric"], one["backend"]) == (METRIC, "jax"):
            one |= {"value": value, "ci_low": None, "ci_high": None}
    change(folder / "evaluation.json", records=records)
    return folder


def reported(config, runs, tmp_path):
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    return read(folder / "results.json", Results), (folder / "report.md").read_text()


def test_seeds_are_gathered_and_shown(config, runs, tmp_path):
    for seed, value in ((1, 123.0), (2, 0.125)):
        add_seed(runs, seed, value)
    results, text = reported(config, runs, tmp_path)
    (found,) = [one for one in results.seeds if one.metric == METRIC]
    assert (
        found.backend == "jax" and found.values["1"] == 123.0 and found.values["2"] == 0.125 and len(found.values) == 3
    )
    row = next(line for line in text.splitlines() if line.startswith("| Pixel intensities, Wasserstein-1"))
    assert "JAX: 0.125 to 123" in row and "3 seeds" in row


def test_without_other_seeds_there_is_no_column(config, runs, tmp_path):
    results, text = reported(config, runs, tmp_path)
    assert results.seeds == [] and "Between seeds" not in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 8}, "its steps cannot be set beside"),
        ({"data_fingerprint": "f" * 16}, "its data cannot be set beside"),
    ],
)
def test_a_training_that_differs_in_more_is_left_out(changes, said, config, runs, tmp_path, capsys):
    add_seed(runs, 1, 5.0, **changes)
    results, _ = reported(config, runs, tmp_path)
    assert results.seeds == [] and said in capsys.readouterr().out


def test_a_training_of_the_same_seed_is_left_out(config, runs, tmp_path, capsys):
    add_seed(runs, 0, 5.0, name="smoke-seed0")
    assert reported(config, runs, tmp_path)[0].seeds == []
    assert "its seed cannot be set beside" in capsys.readouterr().out
