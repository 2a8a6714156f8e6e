"""``reports/pipeline.md``: how fast images become batches, and in how much memory."""

from __future__ import annotations

from pathlib import Path

from cxrbench.folders import write_atomically
from cxrbench.measure.pipeline import Decoding, Preparing, Reading
from cxrbench.parity.result import Schema
from cxrbench.report.manifest import Origin
from cxrbench.report.page import environment
from cxrbench.report.results import read
from cxrbench.report.wording import duration, machine, number, quantity


class Pipeline(Schema):
    """``reports/pipeline.json``."""

    image_size: int
    batch_size: int
    whole: int
    decoding: Decoding
    preparing: list[Preparing]
    reading: Reading
    attribution: str
    origin: Origin


def write_pipeline(reports: Path) -> Path:
    """Render the page from its JSON; returns the file."""
    found = read(reports / "pipeline.json", Pipeline)
    file = reports / "pipeline.md"
    write_atomically(file, environment().get_template("pipeline.md.j2").render(_content(found)))
    return file


def _content(found: Pipeline) -> dict[str, object]:
    alone, largest, read_ = found.decoding, found.preparing[-1], found.reading
    per_core = largest.images / largest.seconds / found.origin.machine["cores"]
    return {
        "one": found,
        "machine": machine(found.origin.machine, "cpu"),
        "decoded": number(1 / alone.decode),
        "prepared": number(1 / alone.prepare),
        "share": number(100 * alone.decode / alone.prepare),
        "packed": number(per_core),
        "packed_share": number(100 * alone.decode * per_core),
        "rows": [
            (f"{one.images:,}", number(one.images / one.seconds), quantity(one.peak_memory, "bytes"))
            for one in found.preparing
        ],
        "whole_time": duration(found.whole * largest.seconds / largest.images),
        "file": quantity(read_.file_bytes, "bytes"),
        "cold": number(read_.cold),
        "warm": number(read_.warm),
        "growth": quantity(read_.growth, "bytes"),
        "step": quantity(read_.step_time, "s"),
        "consumed": number(found.batch_size / read_.step_time),
        "waiting": number(100 * read_.waiting),
    }
