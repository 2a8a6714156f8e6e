"""The processes that made a training in turn: the schema of what ``run.json`` keeps of each, and how they differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from cxrbench.measure.machine import hardware
from cxrbench.parity.result import Finite, Schema


class Session(Schema):
    """One process: it trained from ``first_step`` on and came to ``steps``; what it saved took ``seconds``.

    Where and with what it did is None where that is not recorded; ``machine`` has the hardware alone.
    """

    first_step: Annotated[int, Field(ge=0)]
    steps: Annotated[int, Field(ge=0)]
    seconds: Annotated[Finite, Field(ge=0)]
    started: str | None = None
    backend: Literal["jax", "torch", "tensorflow"] | None = None
    commit: str | None = None
    clean: bool | None = None
    device: str | None = None
    machine: dict[str, Any] = {}


DIFFERENCES: tuple[tuple[str, Callable[[Session], Any]], ...] = (
    ("by different backends", lambda one: one.backend),
    ("on different machines", lambda one: hardware(one.machine)),
    ("on different devices", lambda one: one.device),
    ("with different versions of this project", lambda one: (one.commit, one.clean)),
)


def unlike(sessions: list[Session]) -> list[str]:
    """Wherein they are not alike, in words; nothing for a run that was only interrupted."""
    return [said for said, fact in DIFFERENCES if len({fact(one) for one in sessions}) > 1]
