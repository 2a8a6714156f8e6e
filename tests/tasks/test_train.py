"""Training as a user meets it: files, resuming to the bit, stopping, and what a NaN leaves behind."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from keras import ops
from PIL import Image

from cxrbench import backends
from cxrbench.data.batches import batches
from cxrbench.data.dataset import Dataset
from cxrbench.errors import DataError, RunError
from cxrbench.folders import LOSS_COLUMNS, PROGRESS_COLUMNS, RunFolder
from cxrbench.gan.checkpoints import load_checkpoint
from cxrbench.gan.dcgan import DCGAN, build_sampler
from cxrbench.gan.randomness import Purpose
from cxrbench.gan.step import METRICS
from cxrbench.quality.images import histograms
from cxrbench.quality.intensity import wasserstein
from cxrbench.tasks import train
from cxrbench.tasks.losses import LossLog
from cxrbench.tasks.sample import sample_task
from cxrbench.tasks.train import train_task
from tests.tasks.training import EPOCHS, STEPS, config, newest, rows

pytestmark = pytest.mark.engine


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
    assert manifest["images"]["train"] == 32 and manifest["images"]["test"] > 0


def test_quality_is_measured_at_every_grid_on_images_of_fixed_latents(run, dataset):
    with run.progress.open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert tuple(found[0]) == PROGRESS_COLUMNS
    assert [(row["step"], row["epoch"]) for row in found] == [("8", "1"), ("16", "2"), ("24", "3")]
    seconds = [float(row["train_seconds"]) for row in found]
    manifest = run.read_manifest()
    assert 0 < seconds[0] < seconds[1] < seconds[2] <= manifest["train_seconds"] + 0.001
    assert manifest["progress_seconds"] > 0

    gan, test = DCGAN(config()), np.asarray(Dataset.open(dataset).test)
    load_checkpoint(run.checkpoints, newest(run), gan)
    draw_grid = build_sampler(gan, config(), 36, config().train.seed, Purpose.GRID)
    images = ops.convert_to_numpy(draw_grid(backends.active().to_device(np.int32(0))))[: len(test), ..., 0]
    levels = wasserstein(histograms(images).sum(axis=0), histograms(test).sum(axis=0))
    assert float(found[-1]["intensity_wasserstein"]) == pytest.approx(levels, rel=1e-3)
    np.testing.assert_array_equal(np.load(run.drawn(3)), images)  # kept for the evaluation
    assert run.drawn(1).exists() and run.drawn(2).exists()


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


@pytest.mark.parametrize(("half_life", "said"), [(2, True), (3, False)])
def test_learning_rates_that_fall_to_nothing_before_the_end_are_said(
    half_life, said, backend, dataset, tmp_path, capsys
):
    train_task(config(f"optimizer.half_life={half_life}"), backend, dataset, runs=tmp_path)
    assert (f"from step 20 of {STEPS} on the learning rates are below" in capsys.readouterr().out) == said


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


def test_a_changed_data_set_is_refused(backend, dataset, tmp_path):
    changed = tmp_path / dataset.name
    shutil.copytree(dataset, changed)
    images = np.load(changed / "images.npy", mmap_mode="r+")
    images[3, 2, 1] ^= 1
    images.flush()
    with pytest.raises(DataError, match=r"images\.npy.*SHA-256"):
        train_task(config(), backend, changed, runs=tmp_path)


def test_the_columns_are_what_the_step_returns():
    assert ("step", "epoch", *METRICS) == LOSS_COLUMNS


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
