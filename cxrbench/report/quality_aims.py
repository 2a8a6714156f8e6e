"""What a training on real X-rays is meant to reach -> a table of finished words that says what it does reach.

The aims were set before they were measured; they are not moved to what was found.
"""

from __future__ import annotations

from collections.abc import Iterator

from cxrbench.report.aims import Aim, row
from cxrbench.report.courses import LEADING
from cxrbench.report.results import REAL, Record, Results
from cxrbench.report.tables import Cell, Table
from cxrbench.report.wording import BACKENDS, metric_label, number

KID, PRECISION, RECALL = (LEADING, 0.06), ("precision5_inception", 0.4), ("recall5_inception", 0.2)
FINEST = "sliced_wasserstein_{size}"  # the band in which transposed convolutions leave a checkerboard
MINUTES = 60.0  # of training
IMAGE_SIZE = 64  # pixels along a side; at another size the same work takes another time


def quality_aims(results: Results) -> Table:
    """Row by row the aims of every backend that was trained on a CPU; they are of real X-rays of one size alone."""
    data = results.manifest.config.get("data", {})
    meant = (data.get("source"), data.get("image_size")) == ("nih", IMAGE_SIZE)
    trained = [backend for backend, run in results.manifest.runs.items() if run.device == "cpu"] if meant else []
    rows = [row(aim) for backend in trained for aim in _of(results, backend)]
    return Table([Cell("Aim"), Cell("Aimed at"), Cell("Measured"), Cell("Result")], rows)


def _of(results: Results, backend: str) -> Iterator[Aim]:
    name = BACKENDS[backend]
    for metric, bound, most in ((*KID, True), (*PRECISION, False), (*RECALL, False)):
        if figure := _figure(results, backend, metric):
            what, note = f"{name}: {metric_label(metric)}", _seeds(results, backend, metric)
            yield Aim(what, backend, figure.value, figure.ci_low, figure.ci_high, bound, most, note)
    yield from _finest(results, backend)
    if _figure(results, backend, LEADING):
        seconds = next(run.train_seconds for trained, run in results.manifest.runs.items() if trained == backend)
        yield Aim(f"{name}: minutes of training", backend, seconds / 60, None, None, MINUTES)


def _finest(results: Results, backend: str) -> Iterator[Aim]:
    """No checkerboard: texture no further from the held-out images' than that of as many other real ones may be."""
    metric = FINEST.format(size=results.manifest.config["data"]["image_size"])
    figure, real = _figure(results, backend, metric), _figure(results, REAL, metric)
    if figure and real:
        what = f"{BACKENDS[backend]}: {metric_label(metric)}, against the end of real images' interval"
        note = _seeds(results, backend, metric)
        yield Aim(what, backend, figure.value, figure.ci_low, figure.ci_high, real.ends[1], note=note)


def _seeds(results: Results, backend: str, metric: str) -> str:
    """What the trainings from all seeds scored, where there are further ones: the verdict is of the main one."""
    several = [one.values.values() for one in results.seeds if (one.backend, one.metric) == (backend, metric)]
    return "".join(f"{number(min(own))} to {number(max(own))} of {len(own)} seeds" for own in several)


def _figure(results: Results, backend: str, metric: str) -> Record | None:
    wanted = (backend, metric)
    return next((one for one in results.records if (one.backend, one.metric) == wanted), None)
