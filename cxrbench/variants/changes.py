"""What makes the shared step fast, each thing by name: a variant of the benchmark undoes one of them."""

from __future__ import annotations

from typing import NamedTuple


class Change(NamedTuple):
    """One thing that makes the step faster, in words."""

    what: str
    instead_of: str
    backends: tuple[str, ...]


CHANGES = {
    "graph": Change("the whole step is one graph", "operations called from Python", ("jax", "torch", "tensorflow")),
    "inductor": Change("Inductor compiles the graph", "the graph run as it was traced", ("torch",)),
    "convolutions": Change(
        "convolutions in the fastest of equal forms", "the engine's own convolutions", ("jax", "torch", "tensorflow")
    ),
    "normalization": Change("batch normalization is one operation", "normalization of several", ("tensorflow",)),
    "masks": Change(
        "dropout masks are the bytes of their words", "words shifted apart, four times drawn", ("jax", "tensorflow")
    ),
    "fusion": Change("draws and activations are one kernel each", "draws and activations of many", ("tensorflow",)),
    "allocator": Change(
        "the C library keeps freed memory", "memory given back at every step", ("jax", "torch", "tensorflow")
    ),
}
ALLOCATOR = "allocator"  # is set where the process is started, by ``tasks/bench``
