"""One stage in a process of its own, in the environment of its engine, ended as a user would end it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cxrbench.errors import RunError
from cxrbench.tasks.environments import Environment
from cxrbench.tasks.stopping import handled


@dataclass(frozen=True)
class Stage:
    """One command of cxrbench in a process of its own; without a backend it needs no engine."""

    words: tuple[str, ...]
    backend: str | None = None
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join([*self.words, *([self.backend] if self.backend else [])])

    @property
    def environment(self) -> dict[str, str]:
        return {"KERAS_BACKEND": self.backend} if self.backend else {}

    def command(self, experiment: Path, environments: dict[str, Environment]) -> list[str]:
        python = environments[self.backend].python if self.backend else sys.executable
        backend = ["--backend", self.backend] if self.backend else []
        return [python, "-m", "cxrbench", *self.words, "--config", str(experiment), *backend, *self.options]


def run_stage(stage: Stage, command: list[str]) -> None:
    """Run one stage to its end.

    Ctrl-C reaches a stage by itself, and it saves what it has; SIGTERM is handed on to it. Neither cuts the wait short.

    Raises:
        KeyboardInterrupt: one of them came.
        RunError: the stage failed.
    """
    print(f"reproduce: {stage}: {shlex.join(command)}", flush=True)
    processes: list[subprocess.Popen[bytes]] = []
    asked: list[int] = []

    def note(number: int) -> None:
        asked.append(number)
        for process in processes:
            if number == signal.SIGTERM:
                process.terminate()

    with handled(note):
        processes.append(subprocess.Popen(command, env=os.environ | stage.environment))
        status = processes[0].wait()
    if asked:
        raise KeyboardInterrupt(f"stopped in {stage}; the same command runs all stages again, but training goes on")
    if status:
        raise RunError(f"{stage} failed with exit status {status}; its output is above: {shlex.join(command)}")
