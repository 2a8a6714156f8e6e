"""Compare two reports: what got faster or slower, what takes more or less, and what cannot be told."""

from __future__ import annotations

import math
from pathlib import Path

from cxrbench.measure.statistics import FACTOR
from cxrbench.report import comparison_words as words
from cxrbench.report.comparison import COMPARED, compare, fewest
from cxrbench.report.results import ReportError, Results, read


def compare_task(old: Path, new: Path, factor: float = FACTOR, metrics: list[str] | None = None) -> bool:
    """Print every speed and memory figure of two reports side by side, with a verdict each.

    Args:
        old: the folder of a report, or its ``results.json``.
        new: likewise.
        factor: the smallest change of the median that counts; 1.02 for 2 %.
        metrics: the metrics to compare, all of ``COMPARED`` without it.

    Returns:
        Whether nothing got slower or takes more, and nothing vanished.

    Raises:
        ReportError: a report or an argument that cannot be used, or no pair of figures of which anything can be told:
            a check that cannot fail must not pass.
    """
    chosen = _chosen(metrics)
    if not 1 <= factor < math.inf:
        raise ReportError(f"--factor: {factor} must be at least 1; 1.02 is a change of 2 %")
    before, now = (read(_file(path), Results) for path in (old, new))
    found = compare(before.records, now.records, factor, chosen)
    print(f"{words.head(before, now)}\n", flush=True)
    if found.pairs:
        print(f"{words.table(found.pairs)}\n\n{words.summary(found)}")
    for line in words.unmatched(found):
        print(line)
    for line in words.warnings(before, now, found):
        print(f"warning: {line}")
    if not found.tested:
        raise ReportError(
            f"{old} and {new}: nothing can be told: no figure has enough processes in both; "
            f"measure both with the same settings and at least {fewest()} repeats"
        )
    return not (found.regressions or found.only_old)


def _file(path: Path) -> Path:
    return path / "results.json" if path.is_dir() else path


def _chosen(metrics: list[str] | None) -> tuple[str, ...]:
    for metric in metrics or []:
        if metric not in COMPARED:
            raise ReportError(f"--metric: {metric} is none of those that are compared: {', '.join(COMPARED)}")
    return tuple(metric for metric in COMPARED if metrics is None or metric in metrics)
