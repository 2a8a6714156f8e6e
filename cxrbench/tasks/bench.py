"""Benchmark: every variant of every backend in fresh processes, in rotated order, and what came of them."""

from __future__ import annotations

import datetime
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from tqdm import tqdm

from cxrbench.config import Config, fingerprint
from cxrbench.errors import ConfigError, RunError
from cxrbench.folders import RUNS, BenchFolder, bench_folder, run_folder, write_json
from cxrbench.measure import machine, state
from cxrbench.tasks.bench_raw import Raw
from cxrbench.tasks.bench_records import summarise
from cxrbench.tasks.environments import Environment, find_environments
from cxrbench.tasks.rotation import FILES, MEMORY, SPEED, Process, rotation, settings
from cxrbench.variants import OURS, WITHOUT
from cxrbench.variants.changes import ALLOCATOR

BENCHMARKS = Path(__file__).resolve().parents[2] / "tests" / "benchmarks"
CACHES = ("JAX_COMPILATION_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


def bench_task(config: Config, backends: list[str], runs: Path = RUNS) -> None:
    """Write ``bench.json`` of each backend: the records, what was not measured and why, and every timed block.

    A benchmark that was stopped goes on with the processes that it had left, if nothing changed that decides a result.
    A process that fails is told, and its variant listed as not measured.

    Raises:
        ConfigError: a point of the sweep does not fit the experiment, or nothing can be measured on a backend.
        RunError: the benchmark files or an engine's environment are not there; or a backend's shared step could not be
            timed, after what the others measured was written.
    """
    if not BENCHMARKS.is_dir():
        raise RunError(f"{BENCHMARKS}: the benchmark files are missing; run from a clone of the repository")
    environments = find_environments(backends)
    try:
        points, plan = settings(config), rotation(config, backends)
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{config.name}: bench.sweep: {problem}") from None
    folder = bench_folder(config, runs)
    session = _start(folder, config, plan, environments)
    with tqdm(plan, unit="process", dynamic_ncols=True) as bar:
        for process in bar:
            bar.set_description(f"bench {process.backend} {process.variant}, {process.kind}")
            if not folder.raw(process.name).exists():
                _measure(folder, process, points[process.setting], environments[process.backend], session)
    raws = [Raw(process, points[process.setting], _read(folder, process)) for process in plan]
    for backend in backends:
        _write(config, backend, environments[backend], raws, run_folder(config, backend, runs).benchmark)
    folder.unfinished.unlink()
    shutil.rmtree(folder.caches, ignore_errors=True)
    _say_failed(folder, raws)


def _start(folder: BenchFolder, config: Config, plan: list[Process], environments: dict[str, Environment]) -> str:
    """Go on with a benchmark of the same settings, code, packages and machine that was stopped, or begin anew.

    Returns:
        What names this benchmark: only processes of one ran side by side.
    """
    made = {name: [one.versions, one.flags, one.machine.get("cpu")] for name, one in environments.items()}
    source = machine.source_state()
    key = fingerprint([config.model_dump(mode="json"), [process.name for process in plan], made, source])
    try:
        stopped = json.loads(folder.unfinished.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        stopped = None
    # Uncommitted changes may be other ones than they were.
    if stopped and stopped["key"] == key and source["clean"] is not False:
        return stopped["session"]
    if stopped:
        print(f"{folder.path}: a stopped benchmark of other code, settings or packages; beginning anew", flush=True)
    for process in plan:
        folder.raw(process.name).unlink(missing_ok=True)
    session = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    write_json(folder.unfinished, {"key": key, "session": session})
    return session


def _measure(folder: BenchFolder, process: Process, config: Config, environment: Environment, session: str) -> None:
    """Run one process; in the first repeat the compile cache is empty, so that the first step there is a cold one."""
    cache = folder.caches / process.cache
    if process.repeat == 0:
        shutil.rmtree(cache, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        experiment, written = Path(scratch) / "experiment.json", Path(scratch) / "raw.json"
        experiment.write_text(config.model_dump_json(), encoding="utf-8")
        files = [str(BENCHMARKS / name) for name in FILES[process.kind]]
        command = [environment.python, "-m", "pytest", *files, "-q", "-p", "no:cacheprovider"]
        command += [f"--experiment={experiment}", f"--variant={process.variant}"]
        command += [f"--compile-cache={cache}", f"--benchmark-json={written}"]
        log, before = folder.log(process.name), state.snapshot()
        with log.open("w", encoding="utf-8") as out:
            environ = _environment(process)
            status = subprocess.run(command, env=environ, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
        around = {"session": session, "before": before, "after": state.snapshot()}
        if status:
            content = {"failed": _why(log, status)}
            tqdm.write(f"{process.name} failed: {content['failed']}")
        else:
            content = json.loads(written.read_text(encoding="utf-8"))
            content.pop("machine_info")  # host name and user; what counts is in bench.json
        write_json(folder.raw(process.name), {**content, **around})


def _environment(process: Process) -> dict[str, str]:
    """The user's variables, without a compile cache of theirs, which would make the first step a warm one."""
    kept = {name: value for name, value in os.environ.items() if name not in CACHES}
    if process.variant == f"{WITHOUT}-{ALLOCATOR}":
        kept.pop("GLIBC_TUNABLES", None)
    own = {"KERAS_BACKEND": process.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if process.kind == MEMORY:
        own["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # else the driver counts most of a GPU, whatever is used of it
    return kept | own


def _why(log: Path, status: int) -> str:
    """The test that failed and its error, as pytest sums it up; the last line where it did not come to that."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("FAILED ", "ERROR "))] or lines[-1:] or ["it printed nothing"]
    ended = f"signal {-status}" if status < 0 else f"exit status {status}"
    return f"{told[0].strip()[:300]} ({ended})"


def _read(folder: BenchFolder, process: Process) -> dict[str, Any]:
    file = folder.raw(process.name)
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{file}: damaged ({error}); delete it and run bench again") from None


def _write(config: Config, backend: str, environment: Environment, raws: list[Raw], file: Path) -> None:
    """``bench.json`` of one backend; none, and not an older one either, where no process of it was timed."""
    own = [raw for raw in raws if (raw.process.kind, raw.process.backend) == (SPEED, backend) and not raw.failed]
    if not own:
        return file.unlink(missing_ok=True)
    content = {
        "training_fingerprint": config.training_fingerprint,
        "config": config.model_dump(mode="json"),
        **machine.source_state(),
        "versions": environment.versions,
        "machine": environment.machine,
        "environment": environment.flags,
        "engine": own[0].extra("test_step")["engine"],
        **summarise(backend, raws),
    }
    write_json(file, content)


def _say_failed(folder: BenchFolder, raws: list[Raw]) -> None:
    failed = [raw.process for raw in raws if raw.failed]
    logs = ", ".join(str(folder.log(process.name)) for process in failed)
    told = f"{len(failed)} of {len(raws)} processes failed, the others are written; see {logs}"
    if any(process.kind == SPEED and process.variant == OURS for process in failed):
        raise RunError(told)
    if failed:
        print(f"bench: {told}", flush=True)
