"""What is recorded of a run that goes on: where each part was trained, and how many seconds every part took."""

import json
import shutil
from pathlib import Path

import pytest

from cxrbench.folders import RunFolder
from cxrbench.measure import machine
from cxrbench.report.gather import gather
from cxrbench.report.headline import headline
from cxrbench.tasks.train import train_task
from tests.report.fabricate import change
from tests.tasks.training import STEPS, config, seconds, sessions

pytestmark = pytest.mark.engine

LONGER = config("train.epochs=4")
ORIGIN = ("commit", "clean", "versions", "machine", "environment")
ELSEWHERE = {"commit": "f" * 40, "machine": {"cpu": "Another CPU", "cores": 99, "gpu": None}}


@pytest.fixture
def begun(run, backend, tmp_path) -> RunFolder:
    """A run whose checkpoints say that they came after 600 and 1,000 seconds, and its manifest, wrongly, 5,000."""
    folder = RunFolder(Path(shutil.copytree(run.path, tmp_path / "small" / backend)))
    for step, spent in ((16, 600.0), (24, 1000.0)):
        change(note(folder, step), train_seconds=spent, progress_seconds=spent / 2)
    change(folder.manifest, train_seconds=5000.0, progress_seconds=2500.0)
    return folder


def note(folder, step):
    return folder.checkpoints / f"step-{step:08d}.json"


def caveats(backend, runs):
    return headline(gather(LONGER, [backend], runs, "small")[0]).caveats


@pytest.mark.parametrize("elsewhere", [{}, ELSEWHERE], ids=["here", "elsewhere"])
def test_a_run_that_goes_on_keeps_its_sessions_and_the_report_tells_unlike_ones(
    run, backend, dataset, tmp_path, monkeypatch, elsewhere
):
    shutil.copytree(run.path, tmp_path / "small" / backend)
    before = run.read_manifest()
    made = {key: before[key] for key in ORIGIN} | elsewhere
    monkeypatch.setattr(machine, "origin", lambda: made)
    after = train_task(LONGER, backend, dataset, runs=tmp_path).read_manifest()

    first, second = after["sessions"]
    assert [first] == before["sessions"] and (first["first_step"], first["steps"]) == (0, STEPS)
    assert (second["first_step"], second["steps"]) == (STEPS, STEPS + 8)
    assert second["commit"] == made["commit"] and second["machine"]["cpu"] == made["machine"]["cpu"]
    assert second["seconds"] > 0
    assert first["seconds"] + second["seconds"] == pytest.approx(after["train_seconds"], abs=0.002)
    said = [one for one in caveats(backend, tmp_path) if "sessions" in one]
    how = "on different machines and with different versions of this project: its training time is a sum over them"
    assert len(said) == bool(elsewhere) and all(f"was trained in 2 sessions, {how}" in one for one in said)


def test_without_its_manifest_a_run_goes_on_from_the_seconds_of_its_checkpoint(begun, backend, dataset, tmp_path):
    begun.manifest.unlink()
    after = train_task(LONGER, backend, dataset, runs=tmp_path).read_manifest()
    assert 1000 < after["train_seconds"] < 5000 and 500 < after["progress_seconds"] < 2500
    assert seconds(begun) == sorted(seconds(begun)) and 1000 < seconds(begun)[-1] <= after["train_seconds"] + 0.001
    assert sessions(begun) == [(0, STEPS), (STEPS, STEPS + 8)]
    assert (after["sessions"][0]["seconds"], after["sessions"][0]["device"]) == (1000.0, None)
    assert any("its first 24 steps were trained is not recorded" in one for one in caveats(backend, tmp_path))


def test_a_torn_checkpoint_takes_its_seconds_with_it(begun, backend, dataset, tmp_path):
    torn = begun.checkpoints / "step-00000024.weights.h5"
    torn.write_bytes(torn.read_bytes()[:-1000])
    after = train_task(config(), backend, dataset, runs=tmp_path).read_manifest()
    assert 600 < after["train_seconds"] < 1000 and 300 < after["progress_seconds"] < 500
    assert 600 < seconds(begun)[-1] < 1000
    assert sessions(begun) == [(0, 16), (16, STEPS)]
    assert after["sessions"][0]["seconds"] == 600.0


def test_a_run_of_an_earlier_version_goes_on_with_the_seconds_of_its_manifest(begun, backend, dataset, tmp_path):
    for file, kept in ((note(begun, STEPS), "_seconds"), (begun.manifest, "sessions")):
        content = json.loads(file.read_text())
        file.write_text(json.dumps({key: value for key, value in content.items() if not key.endswith(kept)}))
    before = begun.read_manifest()
    after = train_task(LONGER, backend, dataset, runs=tmp_path).read_manifest()
    assert 5000 < after["train_seconds"] < 9000 and 2500 < after["progress_seconds"] < 9000
    first, second = after["sessions"]
    assert (first["first_step"], first["steps"], first["seconds"]) == (0, STEPS, 5000.0)
    assert first["commit"] == before["commit"] and first["machine"]["cpu"] == before["machine"]["cpu"]
    assert (second["first_step"], second["steps"]) == (STEPS, STEPS + 8)
