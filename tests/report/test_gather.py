"""Run folders put side by side: what is said to be missing, and what is refused."""

import json
import re
import shutil

import pytest

from cxrbench.report.results import ReportError, Results, read
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, change, small_config


def test_missing_stages_and_backends_do_not_stop_it(config, runs, tmp_path, capsys):
    shutil.rmtree(runs / "smoke" / "tensorflow")
    (runs / "smoke" / "torch" / "evaluation.json").unlink()
    (runs / "smoke" / "jax" / "bench.json").unlink()
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    text, said = (folder / "report.md").read_text(), capsys.readouterr().out
    for stage, name, backend in (("train", "TensorFlow", "tensorflow"), ("bench", "JAX", "jax")):
        command = f"python -m cxrbench {stage} --config smoke --backend {backend}"
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
    assert "JAX was fastest" in page and "Image quality was not measured" not in page
    assert not (folder / "grid-jax.png").exists() and (folder / "step_time.png").exists()


def test_no_results_at_all_are_refused(config, tmp_path):
    with pytest.raises(ReportError, match="no results of jax, torch"):
        report_task(config, ["jax", "torch"], tmp_path / "runs", tmp_path / "reports")
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("key", ["config_fingerprint", "data_fingerprint"])
def test_runs_of_different_experiments_are_not_put_side_by_side(key, config, runs, tmp_path):
    ours = json.loads((runs / "smoke" / "jax" / "run.json").read_text())[key]
    change(runs / "smoke" / "torch" / "run.json", **{key: "abcdabcdabcdabcd"})
    with pytest.raises(ReportError, match=f"{key} differs: jax has {ours}, torch has abcdabcdabcdabcd"):
        report_task(config, ["jax", "torch"], runs, tmp_path / "reports")


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


def test_settings_that_differ_from_the_file_are_part_of_the_commands(runs, tmp_path):
    changed = small_config(train_epochs="7")
    for backend in BACKENDS:
        path = runs / "smoke" / backend / "run.json"
        change(path, config=changed.model_dump(mode="json"), config_fingerprint=changed.fingerprint)
    results = read(report_task(changed, BACKENDS, runs, tmp_path / "reports") / "results.json", Results)
    lines = results.manifest.command.splitlines()
    assert lines[0] == "python -m cxrbench train --config smoke --backend jax --set train.epochs=7"
    assert lines[-1].startswith("python -m cxrbench report --config smoke --backends jax torch tensorflow")
    assert len(lines) == 11
