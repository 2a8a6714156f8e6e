"""The limit: how fast a training step could be at the machine's best measured rates (the roofline model).

Williams, Waterman and Patterson, "Roofline: an insightful visual performance model for multicore architectures",
CACM 2009: a step takes at least as long as its arithmetic, and at least as long as its memory traffic. The rates are
not those of a data sheet but the best that any backend reached on this machine (``tests/benchmarks/test_limit.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from cxrbench.errors import RunError
from cxrbench.measure.work import Work

COUNTED = {"gemm": "flops", "convolution": "flops", "copy": "bytes"}  # what a rate of each kind counts


class Rate(NamedTuple):
    """The best rate of one kind."""

    value: float  # FLOP/s, or bytes/s, read and written bytes both counted
    what: str  # the operation that reached it


class Rates(NamedTuple):
    """What the machine can do."""

    gemm: Rate
    convolution: Rate
    copy: Rate


class Limit(NamedTuple):
    """The least time of one training step, in seconds."""

    arithmetic: float
    memory: float

    @property
    def seconds(self) -> float:
        return max(self.arithmetic, self.memory)

    @property
    def bound_by(self) -> Literal["arithmetic", "memory"]:
        return "arithmetic" if self.arithmetic >= self.memory else "memory"

    def share(self, step_time: float) -> float:
        """The share of the limit that a step of ``step_time`` seconds reaches: 1 is the limit itself."""
        return self.seconds / step_time


def best_rates(benchmarks: Iterable[dict[str, Any]]) -> Rates:
    """The best rate of each kind.

    Args:
        benchmarks: entries of pytest-benchmark's JSON files, of all backends that measured this machine. Those without
            a ``kind`` of rate in their ``extra_info`` are passed over.

    Raises:
        RunError: a kind was not measured.
    """
    found: dict[str, list[Rate]] = {kind: [] for kind in COUNTED}
    for entry in benchmarks:
        info = entry["extra_info"]
        if info.get("kind") in found:
            done = info[COUNTED[info["kind"]]] * info["calls"]
            found[info["kind"]].append(Rate(done / min(entry["stats"]["data"]), info["what"]))
    for kind, rates in found.items():
        if not rates:
            raise RunError(f"the limit: no benchmark measured a {kind}; run tests/benchmarks/test_limit.py first")
    return Rates(**{kind: max(rates) for kind, rates in found.items()})


def limit(work: Work, rates: Rates) -> Limit:
    """The least time of a step of ``work``, convolutions and dense layers each at the best rate of their kind."""
    arithmetic = work.convolution_flops / rates.convolution.value + work.dense_flops / rates.gemm.value
    return Limit(arithmetic, work.bytes / rates.copy.value)
