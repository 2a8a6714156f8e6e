"""Where the time goes: what the operations of a trace took, by kind, and what was left idle.

A trace is Chrome's trace-event format, with one entry more that ``cxrbench/backends`` adds: ``operations``, the names
of the events that are operations, each with the parts it is made of in the engine's own words. All other events
(calls from Python, bookkeeping of thread pools) are there for the reader of the trace and are not counted.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

Event = dict[str, Any]

FORWARD, BACKWARD = "convolution forward", "convolution backward"
ELEMENTWISE, RANDOM, OPTIMIZER = "BatchNorm and elementwise", "random stream", "optimizer"
MIXED = "optimizer fused with elementwise"  # one kernel, whose time nothing divides
MATMUL, MOVEMENT, OTHER, IDLE = "matrix multiplication", "data movement and input", "other", "idle"
KINDS = (FORWARD, BACKWARD, ELEMENTWISE, RANDOM, OPTIMIZER, MIXED, MATMUL, MOVEMENT, OTHER, IDLE)

# A part is one of: an HLO opcode and where it came from ("convolution jit(step)/transpose(jvp(net))/conv"), the name
# and type of a graph's node ("gradient_tape/net/conv:Conv2D"), an operator ("aten::mm"), or a kernel that carries its
# operators in its name ("cpp_fused_add_mul_3"). The first pattern that is found in it decides.
PATTERNS = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        # Threefry is all that shifts and mixes bits; a part without a name of its own is told by its function's.
        (RANDOM, r"bitwise_xor|aten::(bitwise|__\w*shift)|^(xor|or|shift-\w+)\b|draws"),
        # In a fused name only Adam's bias correction is an expm1; BatchNorm and activations have these other words.
        (MIXED, r"^(?=.*_fused_)(?=.*expm1)(?=.*(_backward|rsqrt|relu|zeros_like))"),
        (OPTIMIZER, r"adam|aten::expm1|_fused_.*expm1"),
        # A fused kernel may name the convolution that it prepares or finishes; it never computes one.
        (ELEMENTWISE, r"_fused_"),
        (BACKWARD, r"conv\w*_backward|^(convolution|custom-call) .*transpose\(jvp.*conv|gradient_tape/.*:\w*conv"),
        (BACKWARD, r"(?<![a-z])[dw]grad"),
        (FORWARD, r"^(convolution|custom-call) .*conv|:\w*conv|fprop|implicit\w*gemm"),
        (MATMUL, r"^dot\b|^custom-call .*dot_general|aten::(add|b)?mm\b|aten::linear|:\w*matmul|gemm"),
        (MOVEMENT, r"^(copy|transpose|reverse|slice|pad|concatenate|broadcast|bitcast|reshape|iota|dynamic-\S+)\b"),
        (MOVEMENT, r"aten::(_?to|_to_copy|copy_|clone|contiguous|empty\w*|resize_|as_strided_?|view|_?reshape\w*)$"),
        (MOVEMENT, r"aten::(permute|slice\w*|select\w*|detach|cat|stack|pad|zeros\w*|zero_|fill_|expand|flip|t)$"),
        (MOVEMENT, r"aten::(un)?squeeze|aten::(lift_fresh\w*|narrow|ones\w*|arange|scalar_tensor|resolve_\w+)$"),
        (MOVEMENT, r":(assign\w*|readvariableop|const|identity\w*|_?mkl\w*to\w*|pack|unpack|concat\w*|pad\w*|fill)$"),
        (MOVEMENT, r":(\w*slice\w*|transpose|_?mkltranspose|reshape|reverse\w*|tile|zeroslike|_arg|_retval|_\w*copy)$"),
        (MOVEMENT, r"memcpy|memset"),
        (ELEMENTWISE, r"add|sub|mul|div|neg|abs|max|min|pow|sqrt|square|exp|log|sin|cos|tanh|sigmoid|logistic|relu"),
        (
            ELEMENTWISE,
            r"where|select|sum|mean|reduce|norm|bias|cast|convert|greater|less|equal|compare|aten::[gl][et]|threshold|reciprocal",
        ),
        (ELEMENTWISE, r"^(and|not|clamp|sign|floor)\b|logical|prod|aten::(eq|rsub|lerp)"),
    )
)


class Row(NamedTuple):
    """What one operation, or all of a kind, took in one step."""

    name: str
    kind: str
    calls: float
    seconds: float  # its own time, without that of operations inside it
    share: float  # of all threads' time


class Profile(NamedTuple):
    """One step, on average over the traced ones, with the profiler's own cost."""

    seconds: float  # wall time
    threads: int  # the most that ran operations at the same moment
    kinds: list[Row]  # all of ``KINDS``, in their order; the shares add up to 1
    operations: list[Row]  # longest first


def profile(trace: dict[str, Any], seconds: float, steps: int) -> Profile:
    """Share out the time of the traced steps.

    Idle is ``seconds`` times ``threads`` less every operation's own time: a thread waited for another, for Python,
    for input or for the profiler. What is computed as a matrix product is counted as one, a convolution too.
    Threads that an operation keeps for itself (a convolution's helpers) are in no trace: what they do not use is
    not seen. An operation whose name does not say whose it is, such as one addition of the optimizer, counts as
    elementwise; engines that fuse or name scopes tell more. On an accelerator the operations are its kernels, and
    its streams the threads.

    Args:
        trace: Chrome's trace-event format with ``operations``.
        seconds: wall time of the traced steps, from before the first to after the last was waited for.
        steps: how many there were.
    """
    parts: dict[str, list[str]] = trace["operations"]
    events = [event for event in trace["traceEvents"] if event.get("ph") == "X" and event["name"] in parts]
    own: dict[str, float] = defaultdict(float)
    calls: Counter[str] = Counter()
    for event, microseconds in own_times(events):
        own[event["name"]] += microseconds * 1e-6
        calls[event["name"]] += 1

    threads = most_at_once(events)
    whole = seconds * threads or 1.0  # without any operation all shares are 0

    def row(name: str, kind: str, count: int, time: float) -> Row:
        return Row(name, kind, count / steps, time / steps, time / whole)

    operations = [row(name, kind_of(parts[name]), calls[name], time) for name, time in own.items()]
    kinds = []
    for kind in KINDS:
        names = [operation.name for operation in operations if operation.kind == kind]
        time = sum(own[name] for name in names) if kind != IDLE else seconds * threads - sum(own.values())
        kinds.append(row(kind, kind, sum(calls[name] for name in names), time))
    return Profile(seconds / steps, threads, kinds, sorted(operations, key=lambda operation: -operation.seconds))


def kind_of(parts: Sequence[str]) -> str:
    """The kind of an operation of these parts.

    A convolution or matrix product outweighs what is fused to it; else the commonest kind, and moving data is none
    where something is computed on the way.
    """
    counts = Counter(_kind_of_part(part) for part in parts)
    for kind in (BACKWARD, FORWARD, MATMUL):
        if counts[kind]:
            return kind
    computed = {kind: count for kind, count in counts.items() if kind not in (MOVEMENT, OTHER)}
    return max(computed or counts, key=counts.__getitem__, default=OTHER)


def _kind_of_part(part: str) -> str:
    return next((kind for kind, pattern in PATTERNS if pattern.search(part)), OTHER)


def own_times(events: Iterable[Event]) -> list[tuple[Event, float]]:
    """Each complete event with its duration less that of the events inside it, on the same thread (microseconds)."""
    found: list[tuple[Event, float]] = []
    for thread in _by_thread(events):
        open_events: list[int] = []  # places in ``found``, outermost first
        for event in thread:
            while open_events and _end(found[open_events[-1]][0]) <= event["ts"]:
                open_events.pop()
            if open_events:
                outer, left = found[open_events[-1]]
                found[open_events[-1]] = outer, left - event["dur"]
            open_events.append(len(found))
            found.append((event, event["dur"]))
    return found


def most_at_once(events: Iterable[Event]) -> int:
    """The largest number of threads that are inside an event at the same moment."""
    changes: list[tuple[float, int]] = []
    for thread in _by_thread(events):
        last = float("-inf")
        for event in thread:
            if event["ts"] >= last:  # else it is inside of one that is counted
                last = _end(event)
                changes += [(event["ts"], 1), (last, -1)]
    most = running = 0
    for _, change in sorted(changes):  # of changes at the same moment, ends first
        running += change
        most = max(most, running)
    return most


def _by_thread(events: Iterable[Event]) -> list[list[Event]]:
    """The events of each thread by start, outer before inner."""
    threads: dict[tuple[Any, Any], list[Event]] = defaultdict(list)
    for event in events:
        threads[event["pid"], event["tid"]].append(event)
    return [sorted(thread, key=lambda event: (event["ts"], -event["dur"])) for thread in threads.values()]


def _end(event: Event) -> float:
    return event["ts"] + event["dur"]
