"""The schema of ``results.json``: what one record is, and how a file is read and refused.

One record is one figure. Its variants:

- ``ours``: the shared Keras step of this project, on the backend that ``backend`` names. Others (a hand-written native
  step, stock Keras) carry their own variant name.
- ``held-out``: real images, ``backend`` ``real``, which have no ``device`` (``none``) and ``precision`` ``uint8``. For
  a distance to the held-out images it is that of as many training images; for anything else, of the held-out images.

The metrics of speed and memory are those of ``UNITS``. Any other name is an image quality metric and is described in
:mod:`cxrbench.quality`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from cxrbench.errors import CxrbenchError
from cxrbench.parity.result import Finite, Parity, Schema
from cxrbench.report.courses import Training
from cxrbench.report.first_steps import FirstSteps
from cxrbench.report.manifest import Backend, Manifest, Name

OURS = "ours"
HELD_OUT = "held-out"
REAL = "real"
START = ("import_time", "build_time", "first_step_time", "cached_first_step_time", "first_sample_time")
MEMORY = ("peak_device_memory", "driver_memory", "peak_host_memory", "memory_growth")
UNITS = {
    "step_time": "s",
    "images_per_second": "images/s",
    "sampling_throughput": "images/s",
    "input_throughput": "images/s",  # of the input pipeline alone
    "import_time": "s",
    "build_time": "s",
    "first_step_time": "s",  # with an empty compile cache
    "cached_first_step_time": "s",  # with the cache that an earlier process left
    "first_sample_time": "s",
    "step_time_ratio": "ratio",  # ours over this variant, in the same run
    "energy": "J/1000 images",
    "peak_device_memory": "bytes",  # as the engine's allocator counts it
    "driver_memory": "bytes",  # of the device, as the driver counts it for the process
    "peak_host_memory": "bytes",
    "memory_growth": "bytes/1000 steps",  # of host memory; may be zero or less
    "convolution_rate": "FLOP/s",  # the best that was measured on this backend
    "gemm_rate": "FLOP/s",
    "copy_rate": "bytes/s",
    "limit_share": "share",  # of what the machine's best rates, of all backends, would allow
}
RATES = {"convolution": "convolution_rate", "gemm": "gemm_rate", "copy": "copy_rate"}  # by the kind of operation


def is_quality(metric: str) -> bool:
    """Whether a metric's name is one of image quality: every name that is not one of speed or memory."""
    return metric not in UNITS


class ReportError(CxrbenchError):
    """Results that cannot be read or put side by side."""


class Record(Schema):
    """One figure; ``ci_low`` and ``ci_high`` are the ends of its 95 % interval, null where there is none.

    ``batch_size`` of a quality figure is that of training. ``n`` is the number of processes (for the growth of memory,
    of readings), or of images per set.
    ``values`` holds one value per process, in the order of the repeats, where there was more than one.
    """

    backend: Backend | Literal["real"]
    variant: Name
    device: Name
    precision: Name
    image_size: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    metric: Name
    unit: Name
    value: Finite
    ci_low: Finite | None = None
    ci_high: Finite | None = None
    n: Annotated[int, Field(ge=1)]
    values: list[Finite] = []

    @property
    def ends(self) -> tuple[float, float]:
        """Of the interval; the value itself where there is none."""
        return (
            self.value if self.ci_low is None else self.ci_low,
            self.value if self.ci_high is None else self.ci_high,
        )

    @model_validator(mode="after")
    def consistent(self) -> Record:
        if (self.ci_low is None) != (self.ci_high is None):
            raise ValueError("ci_low and ci_high are both numbers or both null")
        if self.ci_low is not None and self.ci_high is not None and self.ci_low > self.ci_high:
            raise ValueError(f"ci_low {self.ci_low} is above ci_high {self.ci_high}")
        if self.metric in UNITS and self.unit != UNITS[self.metric]:
            raise ValueError(f"{self.metric} is in {UNITS[self.metric]}, not in {self.unit}")
        if self.metric in UNITS and self.metric != "memory_growth" and self.value <= 0:
            raise ValueError(f"{self.metric} is {self.value}, but a measured one is above 0")
        return self


class NotMeasured(Schema):
    """What is missing, and why: ``metric`` is a metric's name or that of a whole stage (train, bench, evaluate).

    It is ``seed`` for a training from another seed that is left out.
    """

    backend: Backend
    metric: Name
    reason: Name


class Process(Schema):
    """One process of a benchmark: its timed blocks, and what disturbed them.

    ``session`` names the benchmark: only processes of one ran side by side. ``step_times`` holds the seconds per step
    of each block of ``block_steps`` steps; ``before`` and ``after`` what the machine was like, as far as it tells.
    """

    session: Name

    backend: Backend
    variant: Name
    precision: Name
    image_size: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    repeat: Annotated[int, Field(ge=0)]
    place: Annotated[int, Field(ge=0)]  # in the order of all processes
    compiled: Name
    warmup_steps: Annotated[int, Field(ge=0)]
    warm: bool  # whether the step time was stable before the clock started
    block_steps: Annotated[int, Field(ge=1)]
    step_times: list[Finite]
    concerns: list[str]
    before: dict[str, Any]
    after: dict[str, Any]


class SeedFigures(Schema):
    """One figure of one backend by seed, after trainings of the same settings, data and steps."""

    backend: Backend
    metric: Name
    values: dict[Name, float]


class Results(Schema):
    """``results.json``: everything that the sentences, tables and bars of a report are made of.

    The keys with a default are not in reports of earlier versions.
    """

    manifest: Manifest
    records: list[Record]
    not_measured: list[NotMeasured]
    processes: list[Process] = []  # of the benchmark: the raw values
    parity: Parity | None = None  # of a small twin; its curves are rounded, those of parity.json are not
    first_steps: FirstSteps | None = None  # of the trainings of this report
    seeds: list[SeedFigures] = []  # of backends that were trained from several
    courses: list[Training] = []  # quality along every training, of all seeds
    target_kid: Finite | None = None  # to which the time of a training is told

    @property
    def backends(self) -> list[str]:
        """The backends with a figure or a run, or else with a part in the proof, in the order of the schema."""
        present: set[str] = {record.backend for record in self.records} | set(self.manifest.runs)
        if not present and self.parity:
            present = set(self.parity.witnesses)
        return [name for name in ("jax", "torch", "tensorflow") if name in present]


Read = TypeVar("Read", bound=BaseModel)


def read(path: Path, schema: type[Read]) -> Read:
    """Read and validate one JSON file.

    Raises:
        ReportError: the file is missing, damaged or foreign: its name, the first offending key and the way out.
    """
    try:
        return schema.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ReportError(f"{path}: not valid JSON ({error}); delete it and run its stage again") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the whole file"
        message = first["msg"].removeprefix("Value error, ")
        raise ReportError(
            f"{path}: not a {schema.__name__} file of this version: {key}: {message} "
            f"({error.error_count()} problems); run its stage again"
        ) from None
