"""Time to quality -> a table of finished words, a row per training."""

from __future__ import annotations

from cxrbench.measure.machine import hardware
from cxrbench.report.course_words import target_kid
from cxrbench.report.courses import LEADING, Course, Training, along, best, followed, reached
from cxrbench.report.manifest import Run
from cxrbench.report.results import OURS, Results
from cxrbench.report.tables import NOTHING, Cell, Table
from cxrbench.report.wording import BACKENDS, duration, metric_label, number, quantity


def time_to_quality(results: Results) -> Table:
    """One row per training: when it first reached the quality that was asked for, or how near it came.

    Images and energy are those until then, or until the last point of a training that never came there.
    """
    target = target_kid(results)
    rows = [_row(results, one, target) for one in followed(results.courses, LEADING)]
    heads = (
        Cell("Training"),
        Cell(f"{metric_label(LEADING)} of {number(target)}", "first reached after"),
        Cell("Images seen", "until then"),
        Cell("Energy until then", "extrapolated from the benchmark's energy per image"),
        Cell("Best on the way"),
    )
    return Table(list(heads), rows)


def _row(results: Results, one: Training, target: float) -> list[Cell]:
    seeds = len({other.seed for other in results.courses if other.backend == one.backend})
    head = Cell(BACKENDS[one.backend], f"seed {one.seed}" if seeds > 1 else "", one.backend)
    least, point = best(one.course, LEADING), reached(one.course, LEADING, target)
    assert least is not None  # those without were left out
    nearest = Cell(number(least.figures[LEADING].value), f"epoch {least.epoch:,}, {duration(least.seconds)}")
    images = (point or along(one.course, LEADING)[-1]).step * one.batch_size
    until = "" if point else "at its last point"
    energy = _energy(results, one, images)
    used = Cell(energy, until) if energy else Cell(NOTHING)
    return [head, _first(one.course, target), Cell(f"{images:,}", until), used, nearest]


def _first(course: Course, target: float) -> Cell:
    """The time of the first point that reached the aim, and the point before, since which it may have been reached."""
    points, point = along(course, LEADING), reached(course, LEADING, target)
    if point is None:
        return Cell("not reached", f"by epoch {points[-1].epoch:,}, {duration(points[-1].seconds)}")
    before = points[: points.index(point)][-1:]
    above = [f"; above it at epoch {one.epoch:,}, {duration(one.seconds)}" for one in before]
    return Cell(duration(point.seconds), f"epoch {point.epoch:,}{''.join(above) or ', the first point'}")


def _energy(results: Results, one: Training, images: int) -> str:
    """By what the benchmark measured per image; sampling and measuring on the way are not in it.

    Nothing where it did not measure just this training's step, on such a device and machine.
    """
    run, timed = _run(results, one), results.manifest.benchmarks.get(one.backend)
    if not run or not timed or run.places != {hardware(timed.machine)}:
        return ""
    wanted = {
        "metric": "energy",
        "backend": one.backend,
        "variant": OURS,
        "device": run.device,
        "precision": _precision(results, run),
        "image_size": results.manifest.config.get("data", {}).get("image_size"),
        "batch_size": one.batch_size,
    }
    found = (each for each in results.records if all(getattr(each, key) == value for key, value in wanted.items()))
    record = next(found, None)
    return quantity(record.value * images / 1000, "J") if record else ""


def _run(results: Results, one: Training) -> Run | None:
    """Where a training ran; a report of an earlier version tells it of the main ones alone."""
    manifest = results.manifest
    if one.main:
        return manifest.runs.get(one.backend)
    return next((run for run in manifest.seed_runs.get(one.backend, []) if run.seeds["train"] == one.seed), None)


def _precision(results: Results, run: Run) -> str:
    """As the benchmark calls it, where TF32 is a precision of its own and not a setting of float32."""
    tf32 = results.manifest.config.get("compute", {}).get("tf32")
    return "tf32" if tf32 and run.precision == "float32" else run.precision
