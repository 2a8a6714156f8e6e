"""Before anything is run again: what is missing is refused, and what differs is said."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from cxrbench.data.nih import ENVIRONMENT
from cxrbench.errors import RunError
from cxrbench.measure import machine
from cxrbench.report.results import ReportError, Results, read
from cxrbench.tasks import environments, reproduce
from cxrbench.tasks.environments import Environment
from cxrbench.tasks.reproduce import differences, reproduce_task
from tests.report.fabricate import (
    BACKENDS,
    COMMIT,
    MACHINE,
    change,
)
from tests.tasks.reproducing import AGAIN, CONFIG, as_if_at, calls


def test_missing_environments_are_refused_before_anything_runs(timed, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for backend in ("torch", "tensorflow"):
        shutil.rmtree(Path(".nox") / f"env-{backend}")
    with pytest.raises(RunError, match=r"PyTorch and TensorFlow here; run: nox -s env-torch env-tensorflow$"):
        reproduce_task(timed)
    assert not calls() and not AGAIN.exists()


def test_an_engine_that_is_installed_here_needs_no_environment_of_its_own(place, monkeypatch):
    shutil.rmtree(place / ".nox" / "env-torch")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "torch" or None)
    found = environments.find_environments(["jax", "torch"])
    assert found["torch"].python == sys.executable and found["jax"].python.endswith("env-jax/bin/python")
    assert found["jax"].flags["KERAS_BACKEND"] == "jax" and found["jax"].versions == machine.versions()


def test_an_environment_that_cannot_be_used_is_refused_with_its_reason(timed):
    python = Path(".nox/env-torch/bin/python")
    python.write_text("#!/bin/sh\necho 'No module named cxrbench' >&2\nexit 1\n")
    with pytest.raises(RunError, match=r"env-torch.*for torch \(No module named cxrbench\); run: nox -s env-torch"):
        reproduce_task(timed)
    assert not calls() and not AGAIN.exists()


@pytest.mark.parametrize("source", ["nih", "folder"])
def test_images_that_are_not_named_are_refused_before_anything_runs(source, trained, monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    manifest = json.loads((trained / "results.json").read_text())["manifest"]
    manifest["config"]["data"]["source"] = source
    change(trained / "results.json", manifest=manifest)
    with pytest.raises(RunError, match=f"source {source}: pass --data-dir DIR") as caught:
        reproduce_task(trained)
    assert (ENVIRONMENT in str(caught.value)) == (source == "nih")
    assert not calls() and not AGAIN.exists()
    monkeypatch.setenv(ENVIRONMENT, "images")
    reproduce._refuse_without_images(read(trained / "results.json", Results), Path("images"))
    if source == "nih":
        reproduce._refuse_without_images(read(trained / "results.json", Results), None)


def test_a_report_of_another_version_names_the_commit_to_reproduce_it_with(timed):
    manifest = json.loads((timed / "results.json").read_text())["manifest"]
    manifest["config"]["bench"]["rounds"] = 10
    change(timed / "results.json", manifest=manifest)
    with pytest.raises(RunError, match=rf"another version .*bench.rounds.*; .* git checkout {COMMIT[:12]}$"):
        reproduce_task(timed)
    assert not calls()


def test_a_report_that_is_not_there_is_named(place):
    with pytest.raises(ReportError, match="reports/none/results.json: cannot be read"):
        reproduce_task(Path("reports/none"))


def test_what_differs_before_anything_runs_is_said_line_by_line(trained, monkeypatch):
    as_if_at(monkeypatch, "f" * 40, clean=False)
    manifest = json.loads((trained / "results.json").read_text())["manifest"]
    manifest["benchmarks"]["torch"] |= {"clean": False}
    manifest["runs"]["jax"] |= {"status": "stopped", "steps": 8}
    manifest["config"]["train"].pop("epochs")
    change(trained / "results.json", manifest=manifest)
    manifest = read(trained / "results.json", Results).manifest
    facts = MACHINE | {"cpu": "Another CPU", "memory_bytes": 1, "gpu": "A GPU"}
    versions = {"python": "3.11.9", "keras": "3.16.0", "further": "1"}
    here = {
        backend: Environment("python", versions | {backend: "1.2.3"}, facts, {"KERAS_BACKEND": backend})
        for backend in BACKENDS
    }
    here["tensorflow"].flags["OMP_NUM_THREADS"] = "1"
    assert sorted(differences(manifest, CONFIG, here)) == [
        "JAX: training: the report's was stopped after 8 steps, this one goes to its end",
        "PyTorch: commit: the report was made with uncommitted changes, which are nowhere",
        "TensorFlow: environment flag OMP_NUM_THREADS: none in the report, 1 here",
        f"commit: {COMMIT} in the report, {'f' * 40} here",
        "commit: there are uncommitted changes here",
        "machine: cpu: Imaginary CPU 3000 in the report, Another CPU here",
        "machine: gpu: none in the report, A GPU here",
        "setting train.epochs: none in the report, 2 here",
        "version of keras: 3.15.1 in the report, 3.16.0 here",
    ]


def test_spelling_of_a_distribution_is_no_difference(trained, monkeypatch):
    as_if_at(monkeypatch, COMMIT)
    manifest = json.loads((trained / "results.json").read_text())["manifest"]
    for made in (*manifest["benchmarks"].values(), *manifest["runs"].values()):
        made["versions"] = {"ml_dtypes": "0.6.0"}
    change(trained / "results.json", manifest=manifest)
    here = {one: Environment("python", {"ml-dtypes": "0.6.0"}, MACHINE, {"KERAS_BACKEND": one}) for one in BACKENDS}
    assert differences(read(trained / "results.json", Results).manifest, CONFIG, here) == []


def test_a_training_in_unlike_sessions_is_said_and_one_in_like_ones_is_no_difference(trained, monkeypatch):
    as_if_at(monkeypatch, COMMIT)
    here = {
        backend: Environment(
            "python", {"python": "3.11.9", "keras": "3.15.1", backend: "1.2.3"}, MACHINE, {"KERAS_BACKEND": backend}
        )
        for backend in BACKENDS
    }
    manifest = json.loads((trained / "results.json").read_text())["manifest"]
    made = {"seconds": 30.0, "backend": "torch", "commit": COMMIT, "clean": True, "device": "cpu"}
    first, second = ({**made, "first_step": step, "steps": step + 8, "machine": {"cores": 2}} for step in (0, 8))
    for sessions, said in (
        ([first, second], []),
        (
            [first | {"machine": {"cores": 64}}, second],
            ["PyTorch: training: the report's took 2 sessions, on different machines; compared here is its last"],
        ),
    ):
        manifest["runs"]["torch"]["sessions"] = sessions
        change(trained / "results.json", manifest=manifest)
        assert differences(read(trained / "results.json", Results).manifest, CONFIG, here) == said
