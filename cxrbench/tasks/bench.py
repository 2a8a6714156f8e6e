"""Benchmark: every variant of every backend in fresh processes, in rotated order, and what came of them."""

from __future__ import annotations

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
from cxrbench.tasks.rotation import FILES, SPEED, Process, rotation, settings

BENCHMARKS = Path(__file__).resolve().parents[2] / "tests" / "benchmarks"
LAST_LINES = 12  # of a failed process, that are shown


def bench_task(config: Config, backends: list[str], runs: Path = RUNS) -> None:
    """Write ``bench.json`` of each backend: the records, what was not measured and why, and every timed block.

    A benchmark that was stopped goes on with the processes that it had left.

    Raises:
        ConfigError: a point of the sweep does not fit the experiment.
        RunError: the benchmark files or an engine's environment are not there, or a process failed; what the others
            measured is written.
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
    _start(folder, config, plan, environments)
    with tqdm(plan, unit="process", dynamic_ncols=True) as bar:
        for process in bar:
            bar.set_description(f"bench {process.backend} {process.variant}, {process.kind}")
            if not folder.raw(process.name).exists():
                _measure(folder, process, points[process.setting], environments[process.backend])
    raws = [Raw(process, points[process.setting], _read(folder, process)) for process in plan]
    for backend in backends:
        write_json(
            run_folder(config, backend, runs).benchmark, _benchmark(config, backend, environments[backend], raws)
        )
    folder.unfinished.unlink()
    failed = [raw.process for raw in raws if raw.failed]
    if failed:
        logs = ", ".join(str(folder.log(process.name)) for process in failed)
        raise RunError(f"{len(failed)} of {len(plan)} processes failed, the others are written; see {logs}")


def _benchmark(config: Config, backend: str, environment: Environment, raws: list[Raw]) -> dict[str, Any]:
    ours = [raw for raw in raws if (raw.process.kind, raw.process.backend) == (SPEED, backend) and not raw.failed]
    if not ours:
        raise RunError(f"{backend}: every process that times it failed; their logs are beside the others'")
    return {
        "training_fingerprint": config.training_fingerprint,
        "config": config.model_dump(mode="json"),
        **machine.source_state(),
        "versions": environment.versions,
        "machine": environment.machine,
        "environment": environment.flags,
        "engine": ours[0].extra("test_step")["engine"],
        **summarise(backend, raws),
    }


def _start(folder: BenchFolder, config: Config, plan: list[Process], environments: dict[str, Environment]) -> None:
    """Go on with a benchmark of the same settings, code and packages that was stopped, or begin anew."""
    versions = {backend: one.versions for backend, one in environments.items()}
    measured = [config.model_dump(mode="json"), [process.name for process in plan], versions, machine.source_state()]
    key = {"key": fingerprint(measured)}
    try:
        stopped = json.loads(folder.unfinished.read_text(encoding="utf-8")) == key
    except (OSError, ValueError):
        stopped = False
    if not stopped:
        shutil.rmtree(folder.path, ignore_errors=True)
        write_json(folder.unfinished, key)


def _measure(folder: BenchFolder, process: Process, config: Config, environment: Environment) -> None:
    """Run one process; its compile cache is empty, so that its first step is a cold one."""
    with tempfile.TemporaryDirectory() as scratch:
        experiment, written = Path(scratch) / "experiment.json", Path(scratch) / "raw.json"
        experiment.write_text(config.model_dump_json(), encoding="utf-8")
        files = [str(BENCHMARKS / name) for name in FILES[process.kind]]
        command = [environment.python, "-m", "pytest", *files, "-q", "-p", "no:cacheprovider"]
        command += [f"--experiment={experiment}", f"--variant={process.variant}"]
        command += [f"--compile-cache={scratch}/cache", f"--benchmark-json={written}"]
        before = state.snapshot()
        with folder.log(process.name).open("w", encoding="utf-8") as log:
            status = subprocess.run(
                command,
                env=os.environ | {"KERAS_BACKEND": process.backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        around = {"before": before, "after": state.snapshot()}
        if status:
            content = {"failed": _last_lines(folder.log(process.name))}
            tqdm.write(f"{process.name} failed:\n{content['failed']}")
        else:
            content = json.loads(written.read_text(encoding="utf-8"))
            content.pop("machine_info")  # host name and user; what counts is in bench.json
        write_json(folder.raw(process.name), {**content, **around})


def _read(folder: BenchFolder, process: Process) -> dict[str, Any]:
    file = folder.raw(process.name)
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{file}: damaged ({error}); delete it and run bench again") from None


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:])
