"""A run that was stopped, killed or finished is gone on with, to the same bits; one of other settings is left alone."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from cxrbench.errors import DataError, RunError
from cxrbench.folders import RunFolder
from cxrbench.tasks.sample import sample_task
from cxrbench.tasks.train import train_task
from tests.tasks.training import STEPS, config, newest, rows, seconds, sessions, stop_after, weights

pytestmark = pytest.mark.engine


@pytest.mark.parametrize(("number", "step"), [(signal.SIGINT, 10), (signal.SIGTERM, 8)])
def test_a_stopped_run_goes_on_to_the_same_bits(run, backend, dataset, tmp_path, monkeypatch, number, step):
    with monkeypatch.context() as patch:
        stop_after(patch, step, number)
        with pytest.raises(KeyboardInterrupt, match=f"after step {step + 1}; the same command goes on"):
            train_task(config(), backend, dataset, runs=tmp_path)
    halfway = json.loads((tmp_path / "small" / backend / "run.json").read_text())
    assert (halfway["status"], halfway["steps"]) == ("stopped", step + 1)

    resumed = train_task(config(), backend, dataset, runs=tmp_path)
    assert resumed.losses.read_bytes() == run.losses.read_bytes()
    assert qualities(resumed) == qualities(run)
    assert all(before < after for before, after in pairwise(seconds(resumed)))
    assert sessions(resumed) == [(0, step + 1), (step + 1, STEPS)]
    assert newest(resumed).step == newest(run).step == STEPS
    assert weights(resumed.checkpoints / newest(resumed).file_name) == weights(run.checkpoints / newest(run).file_name)


def qualities(run):
    """What was measured while training, without the seconds, which no run repeats."""
    with run.progress.open(encoding="utf-8", newline="") as stream:
        return [
            {name: value for name, value in row.items() if name != "train_seconds"} for row in csv.DictReader(stream)
        ]


KILLED = """
import os, signal, sys
from pathlib import Path
from cxrbench.tasks.losses import LossLog
from cxrbench.tasks.train import train_task
from tests.tasks.training import config

add = LossLog.add
LossLog.add = lambda self, step, row: os.kill(os.getpid(), signal.SIGKILL) if step == 19 else add(self, step, row)
train_task(config(), sys.argv[1], Path(sys.argv[2]), runs=Path(sys.argv[3]))
"""


def test_a_killed_run_goes_on_to_the_same_bits(run, backend, dataset, tmp_path):
    """Killed in step 19, between the checkpoints of steps 16 and 24; and the newest checkpoint is torn as well."""
    command = [sys.executable, "-c", KILLED, backend, str(dataset), str(tmp_path)]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    folder = RunFolder(tmp_path / "small" / backend)
    assert json.loads(folder.manifest.read_text())["status"] == "running"
    assert newest(folder).step == 16
    torn = folder.checkpoints / newest(folder).file_name
    torn.write_bytes(torn.read_bytes()[:-1000])
    whole = json.loads((folder.checkpoints / "step-00000008.json").read_text())

    resumed = train_task(config(), backend, dataset, runs=tmp_path)
    assert rows(resumed) == rows(run)
    assert qualities(resumed) == qualities(run)
    assert all(before < after for before, after in pairwise(seconds(resumed)))
    assert sessions(resumed) == [(0, 8), (8, STEPS)]
    assert resumed.read_manifest()["sessions"][0]["seconds"] == whole["train_seconds"] > 0
    assert weights(resumed.checkpoints / newest(resumed).file_name) == weights(run.checkpoints / newest(run).file_name)


def test_a_finished_run_is_kept_and_more_epochs_go_on(run, backend, dataset, tmp_path, capsys):
    shutil.copytree(run.path, tmp_path / "small" / backend)
    train_task(config(), backend, dataset, runs=tmp_path)
    assert "already trained for 24 steps" in capsys.readouterr().out
    longer = train_task(config("train.epochs=4"), backend, dataset, runs=tmp_path)
    assert len(rows(longer)) == 32


def test_a_run_of_other_settings_is_not_overwritten(run, backend, dataset):
    other = config("optimizer.learning_rate=0.001")
    with pytest.raises(RunError, match=r"small.*another training_fingerprint.*--fresh.*--set name="):
        train_task(other, backend, dataset, runs=run.path.parents[1])
    with pytest.raises(RunError, match="made with other training settings"):
        sample_task(other, backend, run.path.parents[1])


def test_fresh_replaces_a_run(run, backend, dataset, tmp_path):
    first = train_task(config("optimizer.learning_rate=0.001", "train.epochs=1"), backend, dataset, runs=tmp_path)
    second = train_task(config("train.epochs=1"), backend, dataset, fresh=True, runs=tmp_path)
    assert first.path == second.path
    assert rows(second) == rows(run)[:8]


def test_fresh_keeps_the_old_run_where_the_new_one_is_refused(run, backend, dataset, tmp_path):
    shutil.copytree(run.path, tmp_path / "small" / backend)
    larger = config("data.source=folder", "train.batch_size=33")
    with pytest.raises(DataError, match=r"batch_size.*33.*32"):
        train_task(larger, backend, dataset, fresh=True, runs=tmp_path)
    assert newest(RunFolder(tmp_path / "small" / backend)).step == STEPS


def test_a_kill_between_the_last_checkpoint_and_the_end_is_mended(run, backend, dataset, tmp_path):
    folder = tmp_path / "small" / backend
    shutil.copytree(run.path, folder)
    (folder / "generator.keras").unlink()
    manifest = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(manifest | {"status": "running"}))
    mended = train_task(config(), backend, dataset, runs=tmp_path)
    assert mended.generator.exists()
    assert mended.read_manifest()["status"] == "finished"


def test_a_finished_run_keeps_the_record_of_what_made_it(run, backend, dataset, tmp_path):
    folder = tmp_path / "small" / backend
    shutil.copytree(run.path, folder)
    manifest = json.loads((folder / "run.json").read_text()) | {"commit": "of an earlier day"}
    (folder / "run.json").write_text(json.dumps(manifest))
    train_task(config("sample.count=7"), backend, dataset, runs=tmp_path)
    assert json.loads((folder / "run.json").read_text()) == manifest


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_a_damaged_manifest_is_named_and_the_way_out_works(run, backend, dataset, tmp_path, text):
    folder = tmp_path / "small" / backend
    shutil.copytree(run.path, folder)
    (folder / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json: damaged; delete it"):
        train_task(config(), backend, dataset, runs=tmp_path)
    (folder / "run.json").unlink()
    assert train_task(config(), backend, dataset, runs=tmp_path).read_manifest()["steps"] == STEPS
