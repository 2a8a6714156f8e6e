"""Chrome's trace-event format, as the profilers write it and as ``trace`` leaves it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def read_events(file: Path) -> list[Event]:
    """The events of a trace that is compressed by gzip."""
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        return [event for event in json.load(stream)["traceEvents"] if event]  # XLA ends its list with an empty one


def write_trace(file: Path, events: list[Event], operations: dict[str, list[str]]) -> None:
    """Write events, and beside them what ``cxrbench/measure/operations.py`` needs to count them.

    Only the events are kept of what a profiler wrote: the rest names the host.

    Args:
        operations: names of the events that are operations, each with its parts in the engine's own words.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(file, "wt", encoding="utf-8") as stream:
        json.dump({"displayTimeUnit": "ms", "traceEvents": events, "operations": operations}, stream)
