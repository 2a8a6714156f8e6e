"""The schemas of the files that stages leave for a report: of training, sampling, benchmark and evaluation."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from cxrbench.parity.result import Schema
from cxrbench.report.courses import Course
from cxrbench.report.manifest import Backend, Name, Origin, Run, Text, Timing
from cxrbench.report.results import NotMeasured, Process, Record

Bins = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=256, max_length=256)]


class RunManifest(Run):
    """``run.json`` of one backend; anything further in that file is left there."""

    config: dict[str, Any]
    config_fingerprint: Name
    training_fingerprint: Name
    data_fingerprint: Name
    attribution: Text = None


class SampleManifest(Schema):
    """``samples.json`` of one backend: which checkpoint its samples are of."""

    step: Annotated[int, Field(ge=0)]
    checkpoint_sha256: Name
    training_fingerprint: Name
    seed: int
    count: Annotated[int, Field(ge=1)]


class Benchmark(Timing):
    """``bench.json`` of one backend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    config: dict[str, Any]
    records: list[Record]
    not_measured: list[NotMeasured]
    processes: list[Process]


class Spectra(Schema):
    """Mean power by spatial frequency, from one cycle per image to the finest, in decibels."""

    generated: list[float]
    reference: list[float]


class FeatureMap(Schema):
    """Where images lie in the plane that shows most of the held-out ones' variety, of one space of features."""

    space: Name
    explained: float  # share of the held-out images' variance that the plane shows
    generated: list[tuple[float, float]]
    reference: list[tuple[float, float]]


class Histograms(Schema):
    """How many pixels have each of the 256 gray levels, over N images each."""

    generated: Bins
    reference: Bins


class Evaluation(Schema):
    """``evaluation.json`` of one backend: quality figures, the real images' beside them, and what they are of."""

    backend: Backend
    n: Annotated[int, Field(ge=1)]
    seed: int
    step: Annotated[int, Field(ge=0)]
    training_fingerprint: Name
    data_fingerprint: Name
    samples_sha256: Name
    origin: Origin
    records: list[Record]
    not_measured: list[NotMeasured]
    histograms: Histograms
    spectra: Spectra
    feature_map: FeatureMap
    course: Course | None = None
