"""The benchmark's figures -> tables of finished words: speed, start, memory, energy, and every process."""

from __future__ import annotations

import numpy as np

from cxrbench.report.results import MEMORY, START, Results
from cxrbench.report.standings import is_of
from cxrbench.report.tables import NOTHING, Cell, Table, figure
from cxrbench.report.wording import backend_and_variant, metric_label, number, setting

SPEED = (
    "step_time", "images_per_second", "step_time_ratio", "limit_share", "sampling_throughput", "input_throughput"
)  # fmt: skip


def speed(results: Results) -> Table:
    """One row per backend and variant, with how the step was compiled; a row of one cell is the head of a setting."""
    return _performance(results, SPEED, with_compiled=True)


def start(results: Results) -> Table:
    """What comes before the steady state."""
    return _performance(results, START)


def memory(results: Results) -> Table:
    """Peaks on device and host, and growth over the steps."""
    return _performance(results, MEMORY)


def energy(results: Results) -> Table:
    """Joules per 1,000 images."""
    return _performance(results, ("energy",))


def processes(results: Results) -> Table:
    """Every process of the benchmark in the order in which they ran; their raw values are in ``results.json``."""
    heads = ("Place", "Process", "Setting", "Repeat", "Warm-up steps", "Steps per block", "Median", "IQR", "Disturbed")
    rows = []
    for one in sorted(results.processes, key=lambda process: process.place):
        low, middle, high = np.percentile(one.step_times, [25, 50, 75]) * 1e3
        rows.append(
            [
                Cell(f"{one.place + 1}"),
                Cell(backend_and_variant(one), one.compiled),
                Cell(f"{one.image_size}x{one.image_size}, batch {one.batch_size}", one.precision),
                Cell(f"{one.repeat + 1}"),
                Cell(f"{one.warmup_steps}", "" if one.warm else "not warm"),
                Cell(f"{one.block_steps}", f"{len(one.step_times)} blocks"),
                Cell(f"{number(middle)} ms"),
                Cell(f"{number(high - low)} ms"),
                Cell("; ".join(one.concerns) or NOTHING),
            ]
        )
    return Table([Cell(head) for head in heads], rows)


def _performance(results: Results, metrics: tuple[str, ...], *, with_compiled: bool = False) -> Table:
    records = [record for record in results.records if record.metric in metrics]
    measured = [metric for metric in metrics if any(record.metric == metric for record in records)]
    settings = dict.fromkeys(setting(record) for record in records)
    rows: list[list[Cell]] = []
    for name in settings:
        here = [record for record in records if setting(record) == name]
        rows += [[Cell(name)]] if len(settings) > 1 else []
        for who in dict.fromkeys((record.backend, record.variant) for record in here):
            own = [record for record in here if (record.backend, record.variant) == who]
            compiled = next((one.compiled for one in results.processes if with_compiled and is_of(one, own[0])), "")
            head = Cell(backend_and_variant(own[0]), compiled, own[0].backend)
            rows.append([head] + [figure(record for record in own if record.metric == metric) for metric in measured])
    return Table([Cell("Backend"), *(Cell(metric_label(metric)) for metric in measured)], rows)
