"""Where every part of a report comes from: its settings, and what ran where, when and with which versions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from cxrbench.measure.machine import hardware
from cxrbench.parity.result import Schema
from cxrbench.report.sessions import Session

Backend = Literal["jax", "torch", "tensorflow"]
Name = Annotated[str, Field(min_length=1)]
Text = str | None


class Origin(Schema):
    """Where and with what a stage ran."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    commit: Text = None
    clean: bool | None = None
    versions: dict[str, Text]
    machine: dict[str, Any]
    environment: dict[str, Any]


class Run(Origin):
    """How one backend was trained, as a report keeps it.

    Where and with what is that of the process which came last; ``sessions`` has it of each, and is not in reports of
    earlier versions.
    """

    device: Name
    precision: Name
    seeds: dict[str, int]
    steps: Annotated[int, Field(ge=0)]
    epochs: Annotated[int, Field(ge=0)]
    train_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    progress_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    status: Text = None
    started: Text = None
    images: dict[str, int] = {}  # how many there were to train, and how many held out
    sessions: list[Session] = []

    @property
    def parts(self) -> list[Session]:
        """The sessions that trained a step and are recorded; a run that has none, as of an earlier version, is one."""
        known = [one for one in self.sessions if one.steps > one.first_step and one.device]
        facts = {key: getattr(self, key) for key in ("steps", "started", "commit", "clean", "device", "machine")}
        return known or [Session(first_step=0, seconds=self.train_seconds, **facts)]

    @property
    def commits(self) -> frozenset[str | None]:
        """Of all sessions."""
        return frozenset(one.commit for one in self.parts)

    @property
    def places(self) -> frozenset[tuple[Any, ...]]:
        """The hardware of all sessions."""
        return frozenset(hardware(one.machine) for one in self.parts)

    @property
    def unrecorded_steps(self) -> int:
        """Of how many steps, the first ones, it is not known where and with what they were trained."""
        return max((one.steps for one in self.sessions if not one.device), default=0)


class Engine(Schema):
    """What an engine says of itself: its version, device, way of compiling, and threads on the host."""

    engine: Name
    device: Name
    compiled: Name
    threads: Text = None


class Timing(Origin):
    """Where and how one backend was timed, as a report keeps it."""

    training_fingerprint: Name
    engine: Engine


class Manifest(Schema):
    """What the report is of; ``runs`` and ``benchmarks`` hold where each backend was trained and where it was timed.

    ``seed_runs`` holds the same of its trainings from further seeds, which may be of another version or machine, and
    ``seed_evaluations`` in the same order where their images were measured.
    The keys with a default are not in reports of earlier versions.
    """

    name: Name
    created: Name
    commit: Text
    clean: bool | None
    config: dict[str, Any]
    config_fingerprint: Name
    training_fingerprint: Text = None
    data_fingerprint: Text
    attribution: Text
    command: Name
    runs: dict[Backend, Run]
    seed_runs: dict[Backend, list[Run]] = {}
    seed_evaluations: dict[Backend, list[Origin]] = {}
    benchmarks: dict[Backend, Timing] = {}
    evaluations: dict[Backend, Origin] = {}
