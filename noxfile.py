"""Sessions: environments per backend, and the tasks of cxrbench run in them. `nox -l` lists them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import nox

BACKENDS = ("jax", "torch", "tensorflow")
ROOT = Path(__file__).parent
LOCKS = ROOT / "configs" / "locks"
ACCELERATOR = "cuda" if shutil.which("nvidia-smi") else "cpu"
ALL_ENVIRONMENTS = [f"env-{name}" for name in (*BACKENDS, "report")]

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["compare"]
nox.options.reuse_existing_virtualenvs = True
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = True


def python(session: nox.Session, environment: str) -> str:
    """The interpreter of the environment that another session made."""
    folder = Path(session.cache_dir).parent / f"env-{environment}"
    return str(next(path for path in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if path.exists()))


def cxrbench(session: nox.Session, environment: str, *arguments: str) -> None:
    """Run one command of cxrbench in an environment, on the backend of that name."""
    session.chdir(ROOT)
    backend = {"KERAS_BACKEND": environment} if environment in BACKENDS else {}
    session.run(python(session, environment), "-m", "cxrbench", *arguments, env=backend, external=True)


def install(session: nox.Session, name: str) -> None:
    """Install a lock and this project, unless that very lock is installed already."""
    lock = LOCKS / f"{name}.txt"
    wanted = hashlib.sha256(lock.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    stamp = Path(session.virtualenv.location) / "cxrbench-lock.sha256"
    if not stamp.exists() or stamp.read_text() != wanted:
        session.install("-r", str(lock))
        session.install("--no-deps", "-e", str(ROOT))
        stamp.write_text(wanted)


def environment_session(backend: str) -> None:
    @nox.session(name=f"env-{backend}")
    def environment(session: nox.Session) -> None:
        install(session, f"{backend}-{ACCELERATOR}")

    environment.func.__doc__ = f"Make the environment of {backend} from its lock, for the GPU where there is one."


def task_session(task: str, backend: str, explained: str) -> None:
    @nox.session(name=f"{task}-{backend}", python=False, requires=[f"env-{backend}"])
    def run(session: nox.Session) -> None:
        cxrbench(session, backend, task, *session.posargs)

    run.func.__doc__ = explained


for name in BACKENDS:
    environment_session(name)
    task_session("train", name, f"Train the DCGAN on {name}, going on where it was stopped; options after --.")
    task_session("sample", name, f"Draw images from the generator trained on {name}.")
    task_session("bench", name, f"Measure step time, first-step time, sampling and memory of {name}.")


@nox.session(name="env-report")
def env_report(session: nox.Session) -> None:
    """Make the environment without an engine: data, evaluation, report, lint."""
    install(session, "report")


@nox.session(python=False, requires=["env-report"])
def prepare(session: nox.Session) -> None:
    """Pack the images of an experiment (the drawn phantoms without options)."""
    cxrbench(session, "report", "prepare", *session.posargs)


@nox.session(python=False, requires=["env-report"])
def evaluate(session: nox.Session) -> None:
    """Measure the quality of every backend's samples beside held-out real images."""
    cxrbench(session, "report", "evaluate", *session.posargs)


@nox.session(python=False, requires=["env-report"])
def report(session: nox.Session) -> None:
    """Write reports/<name>/ from what every stage left."""
    cxrbench(session, "report", "report", *session.posargs)


def everything(session: nox.Session, config: str, options: list[str]) -> None:
    """All stages of one experiment on all backends. Benchmarks first: they begin with an empty compile cache."""
    common = ["--config", config, *options]
    cxrbench(session, "report", "all-options", *common)


@nox.session(python=False, requires=ALL_ENVIRONMENTS)
def compare(session: nox.Session) -> None:
    """The main job: prepare, bench, train, sample, evaluate on every backend, and the report (config: quick)."""
    everything(session, "quick", session.posargs)


@nox.session(python=False, requires=ALL_ENVIRONMENTS)
def smoke(session: nox.Session) -> None:
    """The main job on tiny images (32x32), for CI."""
    everything(session, "smoke", session.posargs)
