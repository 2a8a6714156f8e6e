"""The shared step with one of the things undone that make it fast: what each of them is worth.

The function stays the same, and so does everything else about how it runs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

from cxrbench.gan.layers import PlainForms
from cxrbench.variants.changes import ALLOCATOR, CHANGES


def without(engine: ModuleType, change: str) -> Any:
    """The engine, as ``cxrbench/backends`` has it, with one of ``CHANGES`` undone."""
    plain = PlainForms()

    def as_traced(function: Callable[..., Any], variables: list[Any], calls: int) -> Callable[..., Any]:
        return engine.compile(function, variables, calls=1)

    undone: dict[str, dict[str, Any]] = {
        "graph": {"compile": lambda function, variables, calls: function},
        "inductor": {"compile": as_traced},
        "convolutions": {"upsampling": plain.upsampling, "downsampling": plain.downsampling},
        "normalization": {"normalize": plain.normalize},
        "masks": {"bytes_of": plain.bytes_of},
        "fusion": {"fuse": plain.fuse},
        ALLOCATOR: {},
    }

    def describe(calls: int) -> dict[str, str]:
        return engine.describe(calls) | {"compiled": f"{CHANGES[change].instead_of}, else as ours"}

    return SimpleNamespace(**vars(engine) | undone[change] | {"describe": describe})
