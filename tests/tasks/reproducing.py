"""What the tests of a reproduction share."""

import json
import shutil
from pathlib import Path

from cxrbench.errors import RunError
from cxrbench.folders import run_folder
from cxrbench.measure import machine
from tests.report.fabricate import (
    BACKENDS,
    small_config,
)

CONFIG = small_config(evaluate_count="16")
AGAIN = Path("runs/smoke-again")
BENCH = ("bench", " ".join(BACKENDS))  # in one call, which starts the engines' processes by itself


def calls() -> list[tuple[str, str]]:
    """Stage and backend of every call."""
    file = Path("calls")
    return [tuple(json.loads(line)[:2]) for line in file.read_text().splitlines()] if file.exists() else []


def as_if_at(monkeypatch, commit: str, clean: bool = True) -> None:
    monkeypatch.setattr(machine, "source_state", lambda: {"commit": commit, "clean": clean})


def play_bench(config, backends):
    """Stands in for the benchmark: hands out what the ``source`` has."""
    with Path("calls").open("a") as file:
        file.write(json.dumps(["bench", " ".join(backends)]) + "\n")
    if Path("act-bench").exists():
        raise RunError("bench failed")
    for backend in backends:
        target = run_folder(config, backend).benchmark
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path("source") / backend / "bench.json", target)
