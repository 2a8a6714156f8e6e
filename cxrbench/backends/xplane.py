"""The format of TensorFlow's profiler (XSpace, a protocol buffer), turned into Chrome's trace events.

TensorFlow itself ships no converter: TensorBoard's plug-in has it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tensorflow.tsl.profiler.protobuf import xplane_pb2

from cxrbench.backends.chrome import Event

DEVICE = "/device:"
NODE = re.compile(r"^[^:]+:\w+$")  # name and type of a node, as the graph's executor calls them


def read_xplane(file: Path) -> tuple[list[Event], dict[str, list[str]]]:
    """The events of a profile, and the parts of those that are operations.

    Operations are kernels where a device ran any; else nodes of the graph, and those of XLA programs inside it.
    """
    space = xplane_pb2.XSpace.FromString(file.read_bytes())
    on_device = any(plane.name.startswith(DEVICE) and plane.lines for plane in space.planes)
    events: list[Event] = []
    operations: dict[str, list[str]] = {}
    for process, plane in enumerate(space.planes):
        events.append(_named("process_name", process, 0, plane.name))
        for thread, line in enumerate(plane.lines):
            events.append(_named("thread_name", process, thread, line.display_name or line.name))
            for entry in line.events:
                name = plane.event_metadata[entry.metadata_id].name
                details = {plane.stat_metadata[stat.metadata_id].name: _value(plane, stat) for stat in entry.stats}
                start, duration = line.timestamp_ns / 1e3 + entry.offset_ps / 1e6, entry.duration_ps / 1e6
                event = {"ph": "X", "pid": process, "tid": thread, "name": name, "ts": start, "dur": duration}
                events.append({**event, "args": details})
                if on_device == plane.name.startswith(DEVICE) and (
                    on_device or NODE.match(name) or "hlo_op" in details
                ):
                    words = [
                        str(details[key]) for key in ("hlo_module", "tf_op", "kernel_annotation") if key in details
                    ]
                    operations[name] = [" ".join([*words, name])]
    return events, operations


def _value(plane: Any, stat: Any) -> Any:
    kind = stat.WhichOneof("value")
    if kind == "ref_value":
        return plane.stat_metadata[stat.ref_value].name
    value = getattr(stat, kind) if kind else None
    return value.hex() if isinstance(value, bytes) else value


def _named(what: str, process: int, thread: int, name: str) -> Event:
    return {"ph": "M", "pid": process, "tid": thread, "name": what, "args": {"name": name}}
