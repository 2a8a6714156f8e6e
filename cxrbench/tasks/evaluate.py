"""Judge the samples of every backend with one ruler: the same real images, the same N, no engine involved."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from cxrbench.config import Config
from cxrbench.data.dataset import Dataset
from cxrbench.errors import CxrbenchError, RunError
from cxrbench.folders import RUNS, RunFolder, run_folder, write_json
from cxrbench.measure import machine
from cxrbench.pictures import save_gray
from cxrbench.quality import gallery
from cxrbench.quality.feature_map import feature_map
from cxrbench.quality.images import Images, QualityError, check_images, check_same_size, draw, histograms
from cxrbench.quality.intervals import Measured
from cxrbench.quality.phantoms import Anatomist
from cxrbench.quality.registry import METRICS, Metric, find
from cxrbench.quality.sets import Against, RealSets, Sets
from cxrbench.quality.spaces import spaces
from cxrbench.quality.spectrum import power_spectrum
from cxrbench.report.courses import Course
from cxrbench.report.instructions import stage_command
from cxrbench.report.results import HELD_OUT, OURS, REAL, NotMeasured, Record, read
from cxrbench.report.sides import samples_sha256
from cxrbench.report.stages import Evaluation, RunManifest, SampleManifest
from cxrbench.tasks.course import measure_course

Figures = dict[str, Measured | QualityError]

AGAINST: tuple[Against, ...] = get_args(Against)


def evaluate_task(
    config: Config, backends: list[str], dataset_folder: Path, runs: Path = RUNS, features: Path | None = None
) -> None:
    """Measure each backend's samples against the held-out real images and write its ``evaluation.json``.

    Every backend is given the same N, seed and real images. N is ``evaluate.count``, lowered to the smallest set there
    is. A backend that cannot be evaluated is said, with the command that mends it, and the others go on. Beside the
    figures, pictures of images are written for the report: real ones, those nearest to training images, and the most
    and the least realistic ones.

    Args:
        features: an ONNX file, a further space of features to compare images in.

    Raises:
        DataError: the packed dataset cannot be used, or has changed since it was packed.
        RunError: no backend could be evaluated.
        QualityError: the real images cannot be measured.
    """
    dataset = Dataset.open(dataset_folder)
    dataset.verify()
    for name, images in (("test", dataset.test), ("train", dataset.train)):
        check_images(np.asarray(images), f"{dataset_folder}: {name} images")

    candidates: list[Candidate] = []
    for backend in backends:
        try:
            candidates.append(_load(config, backend, runs, dataset))
        except CxrbenchError as error:
            print(f"evaluate: {backend} is left out: {error}", flush=True)
    if not candidates:
        raise RunError(f"{runs / config.name}: nothing to evaluate for {', '.join(backends)}; see the lines above")

    seed, known = config.evaluate.seed, spaces(features, dataset_folder.parent / "features")
    sizes = {f"{one.backend} samples": len(one.images) for one in candidates}
    count = _equal_count(config.evaluate.count, {"test": len(dataset.test), "train": len(dataset.train)} | sizes)
    anatomist = Anatomist(config.data) if config.data.source == "phantom" else None
    real = RealSets.of(np.asarray(dataset.test), np.asarray(dataset.train), count, seed, known, anatomist)
    floors = {against: real.floor(against) for against in AGAINST}
    real_figures = _measure_all("real", lambda metric: floors[metric.against])

    for one in candidates:
        sets = real.beside(draw(one.images, count, seed), one.backend)
        figures = _measure_all(one.backend, lambda metric, sets=sets: sets)  # type: ignore[misc]
        course = measure_course(one.folder, dataset, seed, known)
        evaluation = _evaluation(config, one, sets, figures, real_figures, course)
        write_json(one.folder.evaluation, evaluation.model_dump())
        for name, picture in gallery.pictures(sets).items():
            save_gray(picture, one.folder.path / f"{name}.png")
        print(f"evaluate: {one.folder.evaluation}", flush=True)


@dataclass(frozen=True)
class Candidate:
    """One backend's run and all of its samples, (N, H, W) uint8."""

    backend: str
    folder: RunFolder
    manifest: RunManifest
    images: Images


def _load(config: Config, backend: str, runs: Path, dataset: Dataset) -> Candidate:
    """One backend's samples, refused unless they are of its newest step and it was trained on this very dataset."""
    folder = run_folder(config, backend, runs)
    command = stage_command(config, "sample", backend)
    if not folder.manifest.exists():
        raise RunError(f"{folder.manifest}: no such run; train it first: {stage_command(config, 'train', backend)}")
    manifest = read(folder.manifest, RunManifest)
    if manifest.data_fingerprint != dataset.fingerprint:
        raise RunError(
            f"{folder.manifest}: trained on data {manifest.data_fingerprint}, but the dataset given is "
            f"{dataset.fingerprint}; evaluate against the dataset it was trained on"
        )
    _refuse_old_samples(folder, manifest, command)
    try:
        images = np.load(folder.sample_images, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise RunError(f"{folder.sample_images}: damaged ({error}); draw them again: {command}") from None
    check_images(images, str(folder.sample_images))
    check_same_size(images, dataset.test, str(folder.sample_images), "the dataset")
    return Candidate(backend, folder, manifest, images)


def _refuse_old_samples(folder: RunFolder, run: RunManifest, command: str) -> None:
    """Samples must say which checkpoint they are of, and it must be the newest of this very run."""
    for path in (folder.sample_images, folder.sample_manifest):
        if not path.exists():
            raise RunError(f"{path}: no samples; draw them first: {command}")
    samples = read(folder.sample_manifest, SampleManifest)
    for what, theirs, ours in (
        ("training settings", samples.training_fingerprint, run.training_fingerprint),
        ("step", samples.step, run.steps),
    ):
        if theirs != ours:
            raise RunError(
                f"{folder.sample_manifest}: of {what} {theirs}, the run is at {ours}; draw them anew: {command}"
            )


def _equal_count(wanted: int, sizes: dict[str, int]) -> int:
    smallest = min(sizes, key=lambda name: sizes[name])
    count = min(wanted, sizes[smallest])
    if count < wanted:
        print(f"evaluate: N = {count} instead of evaluate.count = {wanted}: {smallest} has no more", flush=True)
    return count


def _measure_all(who: str, sets_for: Callable[[Metric], Sets]) -> Figures:
    figures: Figures = {}
    for metric in METRICS:
        for name, measure in metric.figures(sets_for(metric)):
            print(f"evaluate: {who}: {name} …", end=" ", flush=True)
            start = time.perf_counter()
            try:
                figures[name] = measured = measure()
                print(f"{measured.value:.4g} {metric.unit} ({time.perf_counter() - start:.1f} s)", flush=True)
            except QualityError as error:
                figures[name] = error
                print(f"not measured: {error}", flush=True)
    return figures


def _evaluation(
    config: Config, one: Candidate, sets: Sets, figures: Figures, real_figures: Figures, course: Course | None
) -> Evaluation:
    def unit(name: str) -> str:
        found = find(name)
        return found.metric.unit if found else ""

    batch_size = one.manifest.config["train"]["batch_size"]

    def records(measured: Figures, **made_by: str) -> list[Record]:
        return [
            Record.model_validate(
                made_by
                | {"image_size": config.data.image_size, "batch_size": batch_size, "n": len(sets.images)}
                | {"metric": name, "unit": unit(name)}
                | asdict(figure)
            )
            for name, figure in measured.items()
            if isinstance(figure, Measured)
        ]

    def missing(measured: Figures, whose: str) -> list[NotMeasured]:
        return [
            NotMeasured.model_validate({"backend": one.backend, "metric": name, "reason": f"{whose}: {figure}"})
            for name, figure in measured.items()
            if isinstance(figure, QualityError)
        ]

    return Evaluation.model_validate(
        {
            "backend": one.backend,
            "n": len(sets.images),
            "seed": config.evaluate.seed,
            "step": one.manifest.steps,
            "training_fingerprint": one.manifest.training_fingerprint,
            "data_fingerprint": one.manifest.data_fingerprint,
            "samples_sha256": samples_sha256(one.images),
            "origin": machine.origin(),
            "records": records(
                figures,
                backend=one.backend,
                variant=OURS,
                device=one.manifest.device,
                precision=one.manifest.precision,
            )
            + records(real_figures, backend=REAL, variant=HELD_OUT, device="none", precision="uint8"),
            "not_measured": missing(figures, "generated images") + missing(real_figures, "real images"),
            "histograms": _both(sets, lambda images: histograms(images).sum(axis=0)),
            "spectra": _both(sets, power_spectrum),
            "feature_map": feature_map(sets),
            "course": course,
        }
    )


def _both(sets: Sets, look: Callable[[Images], Any]) -> dict[str, list[float]]:
    return {"generated": look(sets.images).tolist(), "reference": look(sets.reference).tolist()}
