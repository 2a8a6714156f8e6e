"""Run folders put side by side: what is said to be missing, and what is refused."""

import json
import re
import shlex
import shutil

import numpy as np
import pytest
from PIL import Image

from cxrbench.config import Config
from cxrbench.configfile import load_config
from cxrbench.folders import parity_folder
from cxrbench.report.instructions import experiment
from cxrbench.report.results import ReportError, Results, read
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, change, small_config

pytestmark = pytest.mark.usefixtures("undrawn")


def test_missing_stages_and_backends_do_not_stop_it(config, runs, tmp_path, capsys):
    shutil.rmtree(runs / "smoke" / "tensorflow")
    (runs / "smoke" / "torch" / "evaluation.json").unlink()
    (runs / "smoke" / "jax" / "bench.json").unlink()
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    text, said = (folder / "report.md").read_text(), capsys.readouterr().out
    for stage, name, option in (("train", "TensorFlow", "--backend tensorflow"), ("bench", "JAX", "--backends jax")):
        command = f"python -m cxrbench {stage} --config smoke {option}"
        assert command in said and re.search(rf"\*\*{stage}, {name}\*\*: .*{command}", text)
    assert "PyTorch took 111 ms per training step; nothing else was timed" in text
    assert {one.metric for one in read(folder / "results.json", Results).not_measured} >= {"train", "bench", "evaluate"}


def test_a_benchmark_alone_makes_a_report(config, runs, tmp_path):
    for backend in BACKENDS:
        folder = runs / "smoke" / backend
        for name in ("run.json", "evaluation.json", "losses.csv", "reference.png"):
            (folder / name).unlink()
        shutil.rmtree(folder / "samples")
        shutil.rmtree(folder / "grids")
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    page = (folder / "index.html").read_text()
    assert "JAX was fastest" in page and "62.1 ms" in page and "Image quality was not measured" not in page
    assert "Imaginary CPU 3000" in page and "XLA, one program per step" in page
    assert not (folder / "grid-jax.png").exists() and (folder / "step_time.png").exists()


def test_no_results_at_all_are_refused(config, tmp_path):
    with pytest.raises(ReportError, match="no results of jax, torch"):
        report_task(config, ["jax", "torch"], tmp_path / "runs", tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("key", "other", "file"),
    [
        ("training_fingerprint", "abcdabcdabcdabcd", "/run.json"),
        ("data_fingerprint", "abcdabcdabcdabcd", ""),
        ("steps", 8, ""),
    ],
)
def test_runs_of_different_experiments_are_not_put_side_by_side(key, other, file, config, runs, tmp_path):
    ours = json.loads((runs / "smoke" / "jax" / "run.json").read_text())[key]
    change(runs / "smoke" / "torch" / "run.json", **{key: other})
    with pytest.raises(ReportError, match=f"{key} differs: jax{file} has {ours}, torch{file} has {other}; train "):
        report_task(config, ["jax", "torch"], runs, tmp_path / "reports")


def test_runs_whose_training_is_the_same_are_put_side_by_side(config, runs, tmp_path):
    other = small_config(sample_count="64")
    changes = {"config": other.model_dump(mode="json"), "config_fingerprint": other.fingerprint}
    change(runs / "smoke" / "torch" / "run.json", **changes)
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    assert set(read(folder / "results.json", Results).manifest.runs) == set(BACKENDS)


@pytest.mark.parametrize("trained", [True, False])
def test_a_benchmark_of_other_settings_is_refused(trained, config, runs, tmp_path):
    change(runs / "smoke" / "torch" / "bench.json", training_fingerprint="abcdabcdabcdabcd")
    if not trained:
        for backend in BACKENDS:
            (runs / "smoke" / backend / "run.json").unlink()
    ours = config.training_fingerprint
    said = f"jax/bench.json has {ours}, torch/bench.json has abcdabcdabcdabcd, .*cxrbench bench --config smoke"
    with pytest.raises(ReportError, match=said):
        report_task(config, BACKENDS, runs, tmp_path / "reports")


def test_where_a_benchmark_ran_is_kept(config, results):
    timing = results.manifest.benchmarks["torch"]
    assert timing.engine.compiled == "one graph by make_fx" and timing.machine["cpu"] == "Imaginary CPU 3000"
    assert timing.versions["torch"] == "1.2.3" and timing.training_fingerprint == config.training_fingerprint


@pytest.mark.parametrize(
    ("file", "changes", "said"),
    [
        ("evaluation.json", {"step": 8}, "of step 8, the run has 16 steps; run: python -m cxrbench sample"),
        ("evaluation.json", {"training_fingerprint": "f" * 16}, "of training settings ffffffffffffffff, the run of"),
        ("evaluation.json", {"samples_sha256": "0" * 64}, "other samples than those in samples/ now; run: python -m"),
    ],
)
def test_an_outdated_evaluation_is_not_measured(file, changes, said, config, runs, tmp_path):
    change(runs / "smoke" / "torch" / file, **changes)
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    found = read(folder / "results.json", Results)
    assert [(one.backend, said in one.reason) for one in found.not_measured if one.metric == "evaluate"] == [
        ("torch", True)
    ]
    assert {one.backend for one in found.records if one.metric == "kid_inception"} == {"jax", "tensorflow", "real"}
    assert said in (folder / "report.md").read_text() and not (folder / "histogram-torch.png").exists()


def test_samples_drawn_anew_make_their_evaluation_outdated(config, runs, tmp_path):
    images = runs / "smoke" / "jax" / "samples" / "images.npy"
    np.save(images, 255 - np.load(images))
    found = read(report_task(config, BACKENDS, runs, tmp_path / "reports") / "results.json", Results)
    assert [one.backend for one in found.not_measured if one.metric == "evaluate"] == ["jax"]


def test_a_grid_of_an_older_checkpoint_is_not_shown(config, runs, tmp_path):
    folder = runs / "smoke" / "jax"
    Image.new("L", (64, 64), 200).save(folder / "samples" / "grid.png")
    Image.new("L", (64, 64), 100).save(folder / "grids" / "epoch-00002.png")
    shown = tmp_path / "reports" / "smoke" / "grid-jax.png"
    for step, gray in ((16, 200), (8, 100)):
        change(folder / "samples" / "samples.json", step=step)
        made = report_task(config, BACKENDS, runs, tmp_path / "reports")
        assert Image.open(shown).getextrema() == (gray, gray)
        missing = [one for one in read(made / "results.json", Results).not_measured if one.metric == "sample"]
        assert [one.backend for one in missing] == ["jax"] * (step == 8)
        assert all(one.reason.startswith("its file is of another step or other settings; run: ") for one in missing)
        for page in ("index.html", "report.md"):
            text = (made / page).read_text()
            assert ("Every generator was given the same latents" in text) == (step == 16)
            assert ("JAX, synthetic, drawn while training from other latents" in text) == (step == 8)


def test_samples_of_other_latents_are_not_put_side_by_side(config, runs, tmp_path):
    change(runs / "smoke" / "torch" / "samples" / "samples.json", seed=7)
    with pytest.raises(ReportError, match="sample.seed differs: jax has seed 1, torch has seed 7"):
        report_task(config, BACKENDS, runs, tmp_path / "reports")


@pytest.mark.parametrize("text", ["{", "[1]", '{"steps": 16}'])
def test_a_damaged_manifest_is_refused_in_one_line(text, config, runs, tmp_path):
    (runs / "smoke" / "jax" / "run.json").write_text(text)
    with pytest.raises(ReportError, match="run.json: not .*run its stage again") as caught:
        report_task(config, BACKENDS, runs, tmp_path / "reports")
    assert "\n" not in str(caught.value)


def test_quality_at_another_n_is_not_put_side_by_side(config, runs, tmp_path):
    change(runs / "smoke" / "torch" / "evaluation.json", n=16)
    with pytest.raises(ReportError, match="jax has N = 32, .*torch has N = 16"):
        report_task(config, BACKENDS, runs, tmp_path / "reports")


def test_an_evaluation_of_other_data_than_the_run_is_refused(config, runs, tmp_path):
    change(runs / "smoke" / "jax" / "evaluation.json", data_fingerprint="abcdabcdabcdabcd")
    with pytest.raises(ReportError, match="evaluation.json: data_fingerprint abcdabcdabcdabcd is not that of the run"):
        report_task(config, ["jax"], runs, tmp_path / "reports")


def test_a_file_of_another_backend_is_refused(config, runs, tmp_path):
    shutil.copy(runs / "smoke" / "torch" / "bench.json", runs / "smoke" / "jax" / "bench.json")
    with pytest.raises(ReportError, match=r"jax.bench.json: holds figures of torch, not of jax"):
        report_task(config, ["jax"], runs, tmp_path / "reports")


@pytest.mark.parametrize("text", ["step,loss\n1,2\n", "step,epoch,d_loss,g_loss,d_real,d_fake,d_skipped\n0,0,1\n"])
def test_damaged_losses_are_refused_by_name(text, config, runs, tmp_path):
    (runs / "smoke" / "jax" / "losses.csv").write_text(text)
    with pytest.raises(ReportError, match="losses.csv"):
        report_task(config, ["jax"], runs, tmp_path / "reports")


def commands_after(settings: Config, runs, tmp_path, backends=BACKENDS, name=None) -> list[str]:
    for backend in BACKENDS:
        path = runs / "smoke" / backend / "run.json"
        change(path, config=settings.model_dump(mode="json"))
    folder = report_task(settings, backends, runs, tmp_path / "reports", name)
    return read(folder / "results.json", Results).manifest.command.splitlines()


def test_settings_that_differ_from_the_file_are_part_of_the_commands(runs, tmp_path):
    lines = commands_after(small_config(train_epochs="7"), runs, tmp_path, name="mine")
    assert lines[0] == "nox -s compare -- --config smoke --set train.epochs=7 --name mine"
    stages = [line.removeprefix("python -m cxrbench ").split()[0] for line in lines if line.startswith("python")]
    assert stages == ["prepare", "bench", *["parity"] * 7, *["train", "sample"] * 3, "evaluate", "report"]
    stage = "python -m cxrbench parity exchange --config smoke --set train.epochs=7 --backend torch"
    assert f"{stage} --backends jax torch tensorflow" in lines
    assert "python -m cxrbench train --config smoke --set train.epochs=7 --backend jax" in lines
    assert lines[-1].endswith("--backends jax torch tensorflow --name mine") and "DIR" not in "".join(lines)


def test_images_of_the_users_are_asked_for_where_they_are_read(runs, tmp_path):
    lines = commands_after(small_config(data_source='"nih"'), runs, tmp_path)
    assert lines[0] == "# DIR is the folder of the source images."
    assert lines[1] == "nox -s compare -- --config smoke --set data.source=nih --data-dir DIR"
    asked = {line.split()[3] for line in lines if line.startswith("python") and "--data-dir DIR" in line}
    assert asked == {"prepare", "train", "evaluate"}


def test_a_part_of_the_backends_is_not_made_by_comparing_all(runs, tmp_path):
    lines = commands_after(small_config(), runs, tmp_path, ["jax", "torch"])
    assert not any("nox" in line or "tensorflow" in line for line in lines)


def test_a_configuration_of_the_users_own_is_told_from_the_nearest_of_ours(config, runs, tmp_path, capsys):
    (runs / "smoke").rename(runs / "own")
    own = Config.model_validate(config.model_dump() | {"name": "own"})
    for backend in BACKENDS:
        change(runs / "own" / backend / "run.json", config=own.model_dump(mode="json"))
    (runs / "own" / "torch" / "evaluation.json").unlink()
    folder = report_task(own, BACKENDS, runs, tmp_path / "reports")
    text = read(folder / "results.json", Results).manifest.command
    assert text.startswith("nox -s compare -- --config smoke --set name=own\n")
    assert "python -m cxrbench evaluate --config smoke --set name=own\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "settings",
    [
        load_config("nih64-augmented", ["data.image_size=128", "name=nih128-augmented", "train.epochs=7"]),
        load_config("quick", ['name="true"', "objective.augmentation=['color']", "bench.sweep=[{ batch_size = 8 }]"]),
        load_config("speed"),
    ],
    ids=lambda settings: settings.name,
)
def test_the_options_of_a_command_give_the_settings_that_ran(settings):
    words = shlex.split(experiment(settings.model_dump(mode="json")))
    assert words[0::2] == ["--config", *["--set"] * (len(words) // 2 - 1)]
    assert load_config(words[1], words[3::2]) == settings


def test_commands_are_of_the_backends_that_were_timed_and_of_those_that_were_trained(config, runs, tmp_path):
    for backend in ("jax", "tensorflow"):
        folder = runs / "smoke" / backend
        for name in ("run.json", "evaluation.json", "losses.csv", "progress.csv"):
            (folder / name).unlink()
        for name in ("samples", "grids", "course"):
            shutil.rmtree(folder / name)
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    lines = read(folder / "results.json", Results).manifest.command.splitlines()
    assert not [line for line in lines if line.startswith("nox")]
    stages = [line.split()[3] for line in lines if line.startswith("python") and " parity" not in line]
    assert stages == ["prepare", "bench", "train", "sample", "evaluate", "report"]
    assert [line.rpartition("--backend")[2].split() for line in lines if " bench " in line] == [["s", *BACKENDS]]
    assert all(line.endswith("--backends torch") for line in lines if " evaluate " in line)
    text = (folder / "report.md").read_text()
    alone = "JAX and TensorFlow were timed and not trained: the images and their quality are PyTorch's alone."
    assert alone in text and "not trained; " in text
    of_several = ("Every generator was given", "All backends share N", "Differences between", "All backends train")
    assert [sentence for sentence in of_several if sentence in text] == []


@pytest.mark.parametrize(
    ("gone", "what"), [("run.json", "training"), ("bench.json", "benchmark"), ("evaluation.json", "image quality")]
)
def test_a_report_is_not_replaced_by_one_of_less(gone, what, config, runs, tmp_path):
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    before = (folder / "results.json").read_bytes()
    (runs / "smoke" / "torch" / gone).unlink()
    with pytest.raises(ReportError, match=f"smoke/results.json: has the {what} of torch.*--name, or .*--backends"):
        report_task(config, BACKENDS, runs, tmp_path / "reports")
    assert (folder / "results.json").read_bytes() == before
    report_task(config, ["jax", "tensorflow"], runs, tmp_path / "reports")


def test_a_report_with_a_proof_is_not_replaced_by_one_without(config, runs, tmp_path):
    report_task(config, BACKENDS, runs, tmp_path / "reports")
    parity_folder(config, runs).result.unlink()
    with pytest.raises(ReportError, match="has the parity of jax, torch, tensorflow"):
        report_task(config, BACKENDS, runs, tmp_path / "reports")
