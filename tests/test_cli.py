"""The command line: help for every task, errors as one line without a traceback, exit codes for scripts."""

import os
import subprocess
import sys

import pytest

from cxrbench.cli import main
from cxrbench.errors import ConfigError
from cxrbench.tasks.engine import choose_backend

CONFIGURED = ("prepare", "bench", "profile", "parity", "train", "sample", "evaluate", "report")
TASKS = (*CONFIGURED, "rewrite", "reproduce", "compare")


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "cxrbench", *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )


def test_help_lists_every_task(tmp_path):
    shown = run("--help", cwd=tmp_path)
    assert shown.returncode == 0
    for task in TASKS:
        assert task in shown.stdout


@pytest.mark.parametrize("task", TASKS)
def test_every_task_explains_itself(task, capsys):
    with pytest.raises(SystemExit) as left:
        main([task, "--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert ("--config" in shown) == (task in CONFIGURED)
    assert ("--data-dir" in shown) == (task not in ("compare", "rewrite"))


def test_an_error_is_one_line_and_exit_code_1(tmp_path):
    failed = run("prepare", "--config", "smoke", "--set", "data.cuont=3", cwd=tmp_path)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert failed.stderr.startswith("cxrbench prepare: command line: data.cuont: unknown key")
    assert len(failed.stderr.strip().splitlines()) == 1


def test_a_regression_and_an_error_of_compare_have_exit_codes_of_their_own(tmp_path, monkeypatch):
    assert main(["compare", str(tmp_path / "none"), str(tmp_path / "none")]) == 2
    for held, status in ((True, 0), (False, 1)):
        monkeypatch.setattr("cxrbench.tasks.compare.compare_task", lambda *arguments, held=held: held)
        assert main(["compare", "old", "new"]) == status


def test_ctrl_c_is_130(monkeypatch, capsys):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt("stopped after step 3")

    monkeypatch.setattr("cxrbench.tasks.prepare.prepare_task", stopped)
    assert main(["prepare", "--config", "smoke"]) == 130
    assert "stopped after step 3" in capsys.readouterr().err


def test_what_the_system_refuses_is_one_line(tmp_path):
    (tmp_path / "datasets").write_text("a file where a folder should be")
    failed = run("prepare", "--config", "smoke", cwd=tmp_path)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert "datasets" in failed.stderr


def test_prepare_writes_a_data_set_where_it_is_called(tmp_path):
    done = run("prepare", "--config", "smoke", "--set", "data.count=80", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "64 training and 16 test images" in done.stdout
    assert len(list((tmp_path / "datasets").glob("phantom-32-*/images.npy"))) == 1


def test_report_without_runs_says_what_to_do(tmp_path):
    failed = run("report", "--config", "smoke", cwd=tmp_path)
    assert failed.returncode == 1
    assert "train" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_backends_that_cannot_be_used_are_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "jax" or None)
    monkeypatch.setenv("KERAS_BACKEND", "")  # set, so that what is chosen below is undone
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    with pytest.raises(ConfigError, match="torch is not installed here; run: .*torch"):
        choose_backend("torch")
    with pytest.raises(ConfigError, match="'theano' is not one of jax, torch, tensorflow"):
        choose_backend("theano")
    assert choose_backend(None) == "jax"
    assert os.environ["KERAS_BACKEND"] == "jax"


def test_an_open_choice_of_backend_is_asked_back(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    with pytest.raises(ConfigError, match="which backend.*jax, torch, tensorflow.*--backend"):
        choose_backend(None)
