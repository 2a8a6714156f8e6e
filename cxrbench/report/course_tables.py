"""Time to quality -> a table of finished words, a row per training."""

from __future__ import annotations

from cxrbench.report.course_words import target_kid
from cxrbench.report.courses import LEADING, Training, best, reached
from cxrbench.report.results import OURS, Results
from cxrbench.report.tables import NOTHING, Cell, Table
from cxrbench.report.wording import BACKENDS, duration, metric_label, number, quantity


def time_to_quality(results: Results) -> Table:
    """One row per training: when it first reached the quality that was asked for, or how near it came."""
    target = target_kid(results)
    rows = [_row(results, one, target) for one in results.courses if best(one.course, LEADING)]
    heads = (
        Cell("Training"),
        Cell(f"{metric_label(LEADING)} of {number(target)}", "first reached after"),
        Cell("Images seen"),
        Cell("Energy"),
        Cell("Best on the way"),
    )
    return Table(list(heads), rows)


def _row(results: Results, one: Training, target: float) -> list[Cell]:
    seeds = len({other.seed for other in results.courses if other.backend == one.backend})
    head = Cell(BACKENDS[one.backend], f"seed {one.seed}" if seeds > 1 else "", one.backend)
    least, point = best(one.course, LEADING), reached(one.course, LEADING, target)
    assert least is not None  # those without were left out
    nearest = Cell(number(least.figures[LEADING].value), f"epoch {least.epoch:,}, {duration(least.seconds)}")
    if point is None:
        return [head, Cell("not reached"), Cell(NOTHING), Cell(NOTHING), nearest]
    images = point.step * one.batch_size
    after = Cell(duration(point.seconds), f"epoch {point.epoch:,}")
    return [head, after, Cell(f"{images:,}"), Cell(_energy(results, one.backend, images)), nearest]


def _energy(results: Results, backend: str, images: int) -> str:
    """By what the benchmark measured per image; sampling and measuring on the way are not in it."""
    data, train = (results.manifest.config.get(section, {}) for section in ("data", "train"))
    wanted = ("energy", backend, OURS, data.get("image_size"), train.get("batch_size"))
    keys = ("metric", "backend", "variant", "image_size", "batch_size")
    record = next((one for one in results.records if tuple(getattr(one, key) for key in keys) == wanted), None)
    return quantity(record.value * images / 1000, "J") if record else NOTHING
