"""Reports to reproduce, with engines that are played; and one finished training."""

import shutil
import sys
from pathlib import Path

import pytest

from cxrbench.folders import run_folder, write_json
from cxrbench.tasks import environments, reproduce
from cxrbench.tasks.report import report_task
from tests.quality.real import light_features  # noqa: F401
from tests.report.fabricate import (
    BACKENDS,
    bench_json,
    run_json,
)
from tests.report.undrawn import leave_out_drawings
from tests.tasks.reproducing import CONFIG, play_bench

PLAYER = """
import json, os, shutil, signal, sys, time
from pathlib import Path

if sys.argv[1] == "-c":  # asked what it has
    os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
stage, options = sys.argv[3], sys.argv[4:]
backend = options[options.index("--backend") + 1]
with open("calls", "a") as file:
    file.write(json.dumps([stage, backend, os.environ["KERAS_BACKEND"], Path(sys.argv[0]).parent.name]) + "\\n")
act = Path(f"act-{stage}-{backend}")
if act.exists():
    exec(act.read_text())
source, target = Path("source") / backend, Path(options[options.index("--config") + 1]).parent / backend
for name in {"train": ["run.json", "losses.csv", "grids"], "sample": ["samples"]}[stage]:
    (target / name).parent.mkdir(parents=True, exist_ok=True)
    if (source / name).is_dir():
        shutil.copytree(source / name, target / name, dirs_exist_ok=True)
    else:
        shutil.copy(source / name, target / name)
"""


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder to work in, with an environment for each engine; ``source`` holds what the engines are to write."""
    leave_out_drawings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path / ".nox")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    for backend in BACKENDS:
        python = tmp_path / ".nox" / f"env-{backend}" / "bin" / "python"
        python.parent.mkdir(parents=True)
        player = tmp_path / f"env-{backend}" / "player.py"
        player.parent.mkdir()
        player.write_text(PLAYER)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{player}" "$@"\n')
        python.chmod(0o755)
        write_json(tmp_path / "source" / backend / "bench.json", bench_json(CONFIG, backend))
    monkeypatch.setattr(reproduce, "bench_task", play_bench)
    return tmp_path


@pytest.fixture(scope="session")
def reported(tmp_path_factory) -> dict[str, Path]:
    """Runs and their reports, each made once: of benchmarks alone, and of trainings too."""
    made = {}
    for kind in ("timed", "trained"):
        made[kind] = folder = tmp_path_factory.mktemp(kind)
        for backend in BACKENDS:
            run = run_folder(CONFIG, backend, folder / "runs")
            write_json(run.benchmark, bench_json(CONFIG, backend))
            if kind == "trained":
                write_json(run.manifest, run_json(CONFIG, backend))
        with pytest.MonkeyPatch.context() as patch:
            leave_out_drawings(patch)
            report_task(CONFIG, BACKENDS, folder / "runs", folder / "reports")
    return made


@pytest.fixture
def timed(place, reported) -> Path:
    """A report of benchmarks alone."""
    shutil.copytree(reported["timed"], place, dirs_exist_ok=True)
    return Path("reports") / CONFIG.name


@pytest.fixture
def trained(place, reported) -> Path:
    """A report of benchmarks and trainings, without samples."""
    shutil.copytree(reported["trained"], place, dirs_exist_ok=True)
    return Path("reports") / CONFIG.name


@pytest.fixture(scope="session")
def backend() -> str:
    import keras

    return keras.backend.backend()


@pytest.fixture(scope="session")
def dataset(tmp_path_factory) -> Path:
    """The packed phantoms of the smallest experiment."""
    from cxrbench.tasks.prepare import prepare_task
    from tests.tasks.training import config

    return prepare_task(config(), None, tmp_path_factory.mktemp("datasets"))


@pytest.fixture(scope="session")
def run(backend, dataset, tmp_path_factory):
    """One finished run with its samples."""
    from cxrbench.tasks.sample import sample_task
    from cxrbench.tasks.train import train_task
    from tests.tasks.training import config

    runs = tmp_path_factory.mktemp("runs")
    train_task(config(), backend, dataset, runs=runs)
    return sample_task(config(), backend, runs)
