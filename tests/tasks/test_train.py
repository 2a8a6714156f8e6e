"""Training as a user meets it: files, resuming to the bit, stopping, and what a NaN leaves behind."""

import csv
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from keras import ops
from PIL import Image

from cxrbench import backends
from cxrbench.data.batches import batches
from cxrbench.errors import DataError, RunError
from cxrbench.folders import LOSS_COLUMNS, RunFolder
from cxrbench.gan.checkpoints import load_checkpoint, newest_checkpoint
from cxrbench.gan.dcgan import DCGAN, build_sampler
from cxrbench.gan.randomness import Purpose
from cxrbench.gan.step import METRICS
from cxrbench.tasks import train
from cxrbench.tasks.losses import LossLog
from cxrbench.tasks.prepare import prepare_task
from cxrbench.tasks.sample import sample_task
from cxrbench.tasks.train import train_task
from tests.gan.small import small_config

pytestmark = pytest.mark.engine

EPOCHS = 3
STEPS = 8 * EPOCHS  # 32 training images in batches of 4


def config(*settings):
    return small_config(f"train.epochs={EPOCHS}", *settings)


@pytest.fixture(scope="module")
def backend():
    import keras

    return keras.backend.backend()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return prepare_task(config(), None, tmp_path_factory.mktemp("datasets"))


@pytest.fixture(scope="module")
def run(backend, dataset, tmp_path_factory):
    """One finished run with its samples."""
    runs = tmp_path_factory.mktemp("runs")
    train_task(config(), backend, dataset, runs=runs)
    return sample_task(config(), backend, runs)


def newest(run):
    return newest_checkpoint(run.checkpoints, config().training_fingerprint)[0]


def rows(run):
    with run.losses.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def stop_after(monkeypatch, step, number=signal.SIGINT):
    """Send this process a signal while it is in a step."""
    add = LossLog.add

    def add_and_signal(self, now, metrics):
        if now == step:
            signal.raise_signal(number)
        return add(self, now, metrics)

    monkeypatch.setattr(LossLog, "add", add_and_signal)


def test_a_run_leaves_losses_grids_checkpoints_and_its_manifest(run, backend):
    losses = rows(run)
    assert tuple(losses[0]) == LOSS_COLUMNS
    assert [int(row["step"]) for row in losses] == list(range(STEPS))
    assert losses[-1]["epoch"] == str(EPOCHS - 1)
    assert sorted(file.name for file in run.grids.iterdir()) == [f"epoch-{epoch:05d}.png" for epoch in (1, 2, 3)]
    with Image.open(run.grids / "epoch-00003.png") as picture:
        assert picture.size == (6 * 18 - 2, 6 * 18 - 2)
        assert "Synthetic" in picture.text["Comment"]
    assert [file.name for file in sorted(run.checkpoints.glob("*.h5"))] == [
        "step-00000016.weights.h5", "step-00000024.weights.h5",
    ]  # fmt: skip
    manifest = run.read_manifest()
    assert manifest["status"] == "finished"
    assert manifest["steps"] == STEPS
    assert manifest["backend"] == backend
    assert manifest["config_fingerprint"] == config().fingerprint
    assert manifest["versions"]["keras"]
    assert manifest["train_seconds"] > 0


def test_checkpoints_and_grids_come_at_the_set_epochs_from_fixed_latents(backend, dataset, tmp_path):
    settings = ["train.epochs=5", "train.grid_every=2", "train.checkpoint_every=4", "train.keep_checkpoints=9"]
    run = train_task(config(*settings), backend, dataset, runs=tmp_path)
    assert sorted(file.name for file in run.grids.iterdir()) == [f"epoch-{epoch:05d}.png" for epoch in (2, 4, 5)]
    assert [int(file.name[5:13]) for file in sorted(run.checkpoints.glob("*.h5"))] == [32, 40]

    gan = DCGAN(config())
    load_checkpoint(run.checkpoints, newest(run), gan)
    draw = build_sampler(gan, config(), 36, config().train.seed, Purpose.GRID)
    expected = ops.convert_to_numpy(draw(backends.active().to_device(np.int32(0))))[..., 0]
    with Image.open(run.grids / "epoch-00005.png") as picture:
        shown = np.asarray(picture).astype(int)
    for index in (0, 7, 35):
        top, left = index // 6 * 18, index % 6 * 18
        assert np.abs(shown[top : top + 16, left : left + 16] - expected[index]).max() <= 1


def test_the_order_of_images_follows_the_training_seed(backend, dataset, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(train, "batches", lambda *arguments: asked.append(arguments[1:]) or batches(*arguments))
    train_task(config("train.seed=11", "train.epochs=1"), backend, dataset, runs=tmp_path)
    train_task(config("train.seed=11", "train.epochs=2"), backend, dataset, runs=tmp_path)
    assert asked == [(4, 11, 0), (4, 11, 8)]


def test_the_generator_can_be_loaded_in_another_process(run):
    script = (
        "import sys, numpy, keras, cxrbench.gan.layers\n"
        "generator = keras.models.load_model(sys.argv[1])\n"
        "print(generator(numpy.zeros((2, 6), dtype='float32'), training=False).shape)"
    )
    command = [sys.executable, "-c", script, str(run.generator)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "2, 16, 16, 1" in shown


def test_samples_are_seeded_and_the_files_agree(run, backend):
    images = np.load(run.sample_images)
    assert images.shape == (6, 16, 16)
    assert images.dtype == np.uint8
    assert (images[0] != images[1]).any()
    for index in range(6):
        with Image.open(run.samples / "png" / f"{index:06d}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), images[index])
            assert "not for diagnosis" in picture.text["Comment"]
    again = sample_task(config(), backend, run.path.parents[1])
    np.testing.assert_array_equal(np.load(again.sample_images), images)
    other = sample_task(config("sample.seed=9"), backend, run.path.parents[1])
    assert (np.load(other.sample_images) != images).any()


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
    assert newest(resumed).step == newest(run).step == STEPS
    assert weights(resumed.checkpoints / newest(resumed).file_name) == weights(run.checkpoints / newest(run).file_name)


KILLED = """
import os, signal, sys
from pathlib import Path
from cxrbench.tasks.losses import LossLog
from cxrbench.tasks.train import train_task
from tests.tasks.test_train import config

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

    resumed = train_task(config(), backend, dataset, runs=tmp_path)
    assert rows(resumed) == rows(run)
    assert weights(resumed.checkpoints / newest(resumed).file_name) == weights(run.checkpoints / newest(run).file_name)


def weights(file):
    """Every array of a checkpoint, as bytes."""
    import h5py

    found = {}
    with h5py.File(file) as stream:
        stream.visititems(lambda name, node: found.update({name: node[()].tobytes()} if hasattr(node, "dtype") else {}))
    assert len(found) > 20
    return found


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


def test_a_changed_data_set_is_refused(backend, dataset, tmp_path):
    changed = tmp_path / dataset.name
    shutil.copytree(dataset, changed)
    images = np.load(changed / "images.npy", mmap_mode="r+")
    images[3, 2, 1] ^= 1
    images.flush()
    with pytest.raises(DataError, match=r"images\.npy.*SHA-256"):
        train_task(config(), backend, changed, runs=tmp_path)


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


def test_the_columns_are_what_the_step_returns():
    assert ("step", "epoch", *METRICS) == LOSS_COLUMNS


@pytest.mark.parametrize("text", ["{", "{}", "[]"])
def test_a_damaged_manifest_is_named_and_the_way_out_works(run, backend, dataset, tmp_path, text):
    folder = tmp_path / "small" / backend
    shutil.copytree(run.path, folder)
    (folder / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json: damaged; delete it"):
        train_task(config(), backend, dataset, runs=tmp_path)
    (folder / "run.json").unlink()
    assert train_task(config(), backend, dataset, runs=tmp_path).read_manifest()["steps"] == STEPS


def test_samples_say_which_checkpoint_they_are_of(run):
    said = json.loads(run.sample_manifest.read_text())
    checkpoint = newest(run)
    assert said["step"] == STEPS
    assert said["checkpoint_sha256"] == checkpoint.sha256
    assert said["count"] == len(np.load(run.sample_images))


def test_a_nan_stops_the_run_and_keeps_the_last_good_checkpoint(backend, dataset, tmp_path, monkeypatch):
    train_task(config("train.epochs=1"), backend, dataset, runs=tmp_path)
    good = newest(RunFolder(tmp_path / "small" / backend))

    add = LossLog.add
    nan = ops.convert_to_tensor(np.full(5, np.nan, dtype="float32"))
    monkeypatch.setattr(LossLog, "add", lambda self, step, metrics: add(self, step, nan if step == 10 else metrics))
    with pytest.raises(RunError, match=r"d_loss is nan at step 10.*Last good checkpoint: step-00000008.*learning_rate"):
        train_task(config(), backend, dataset, runs=tmp_path)
    assert newest(RunFolder(tmp_path / "small" / backend)) == good
    assert json.loads((tmp_path / "small" / backend / "run.json").read_text())["status"] == "failed"


def test_a_real_blow_up_is_found(backend, dataset, tmp_path):
    with pytest.raises(RunError, match=r"(loss|d_real|d_fake|is not finite).*"):
        train_task(config("optimizer.learning_rate=1e30"), backend, dataset, runs=tmp_path)


def test_sampling_without_a_run_says_how_to_train(backend, tmp_path):
    with pytest.raises(RunError, match="train"):
        sample_task(config(), backend, tmp_path)
