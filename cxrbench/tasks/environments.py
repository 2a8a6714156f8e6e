"""The environments of the engines: where each one's interpreter is, and what results made with it will say."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from cxrbench.errors import RunError
from cxrbench.measure import machine
from cxrbench.report.wording import BACKENDS, listing

ENVIRONMENTS = machine.ROOT / ".nox"

# What an environment says of itself, before an engine starts and sets flags of its own.
DESCRIBE = (
    "import json; from cxrbench.measure import machine; "
    "print(json.dumps([machine.versions(), machine.machine(), machine.flags()]))"
)


@dataclass(frozen=True)
class Environment:
    """One engine's interpreter, and what its results will say of where they were made."""

    python: str
    versions: dict[str, str]
    machine: dict[str, Any]
    flags: dict[str, str]


def find_environments(backends: list[str]) -> dict[str, Environment]:
    """Each backend's environment.

    Raises:
        RunError: some have none, or it cannot say what it has; with the sessions of nox that make them.
    """
    pythons = {backend: _python(backend) for backend in backends}
    missing = [backend for backend, python in pythons.items() if python is None]
    if missing:
        sessions = " ".join(f"env-{backend}" for backend in missing)
        raise RunError(f"no environment of {listing([BACKENDS[one] for one in missing])} here; run: nox -s {sessions}")
    return {backend: _describe(backend, python) for backend, python in pythons.items() if python}


def _python(backend: str) -> str | None:
    own = ENVIRONMENTS / f"env-{backend}" / "bin" / "python"
    if own.exists():
        return str(own)
    return sys.executable if importlib.util.find_spec(backend) else None


def _describe(backend: str, python: str) -> Environment:
    command = [python, "-c", DESCRIBE]
    done = subprocess.run(
        command, env=os.environ | {"KERAS_BACKEND": backend}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise RunError(f"{python}: cannot be used for {backend} ({reason}); run: nox -s env-{backend}")
    return Environment(python, *json.loads(done.stdout))
