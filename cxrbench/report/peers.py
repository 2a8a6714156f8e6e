"""The shared definition against what is written by hand, and against stock Keras, in sentences."""

from __future__ import annotations

from cxrbench.report.results import Record
from cxrbench.report.standings import Standing
from cxrbench.report.wording import BACKENDS, listing, number
from cxrbench.variants import FIT, NATIVE

MODE = f"{NATIVE}-"  # what the name of a hand-written variant begins with


def against_native(standing: Standing) -> list[str]:
    """One sentence on the best hand-written form of each backend in one setting; none where none was timed."""
    best = {backend: best_native(standing, backend) for backend in _backends(standing)}
    ratios = [standing.find(backend, one.variant, "step_time_ratio") for backend, one in best.items() if one]
    return _compared(standing, "Against the best hand-written form", [one for one in ratios if one])


def against_stock(standing: Standing) -> list[str]:
    """One sentence on stock Keras on each backend in one setting; none where it was not timed."""
    ratios = [standing.find(backend, FIT, "step_time_ratio") for backend in _backends(standing)]
    return _compared(standing, "Against stock Keras (fit)", [one for one in ratios if one])


def best_native(standing: Standing, backend: str) -> Record | None:
    """The step time of the fastest hand-written mode of a backend."""
    native = [
        record
        for record in standing.records
        if (record.backend, record.metric) == (backend, "step_time") and record.variant.startswith(MODE)
    ]
    return min(native, key=lambda record: record.value, default=None)


def _backends(standing: Standing) -> list[str]:
    """Those whose shared step was timed, in the order of every table."""
    return sorted((one.backend for one in standing.ours), key=list(BACKENDS).index)


def _compared(standing: Standing, lead: str, ratios: list[Record]) -> list[str]:
    """One sentence of the ratios of ours over each; those whose interval holds 1 are not told apart."""
    clear = [f"{_times(one)} on {BACKENDS[one.backend]} ({_sure(one)})" for one in ratios if not _tied(one)]
    tied = [f"{BACKENDS[one.backend]} ({number(one.value)} of the time, {_sure(one)})" for one in ratios if _tied(one)]
    said = [f"takes {listing(clear)}"] * bool(clear) + [f"cannot be told apart from it on {listing(tied)}"] * bool(tied)
    where = f", {standing.apart}" if standing.apart else ""
    return [f"{lead}{where}, the shared definition {', and '.join(said)}."] if said else []


def _times(one: Record) -> str:
    return f"{number(one.value)} {'of the time' if one.value < 1 else 'times as long'}"


def _sure(one: Record) -> str:
    """The mode of what is hand-written, and the ends of the interval."""
    mode = f"{one.variant.removeprefix(MODE)}; " if one.variant.startswith(MODE) else ""
    if one.ci_low is None or one.ci_high is None:
        return f"{mode}no interval was measured"
    return f"{mode}{number(one.ci_low)} to {number(one.ci_high)}"


def _tied(one: Record) -> bool:
    return one.ci_low is not None and one.ci_high is not None and one.ci_low <= 1 <= one.ci_high
