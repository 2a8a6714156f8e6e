"""The schema of ``parity.json``: what was compared, how far it differed, and where it was found."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Schema(BaseModel):
    """Immutable, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Check(Schema):
    """One bound of ``bounds.BOUNDS`` by its name.

    ``measured`` is the largest difference found, None where a value was not finite; ``where`` names the tensor, step
    or pair of backends it was found at.
    """

    name: str
    limit: Finite
    measured: Finite | None
    where: str

    @property
    def passed(self) -> bool:
        return self.measured is not None and self.measured <= self.limit


class Witness(Schema):
    """Where one backend recorded its evidence."""

    commit: str | None
    clean: bool | None
    versions: dict[str, str]
    machine: dict[str, Any]
    environment: dict[str, str]
    engine: dict[str, Any]


class Curves(Schema):
    """By step, for one precision: both losses of every backend, and the largest difference of any metric."""

    d_loss: dict[str, list[Finite]]
    g_loss: dict[str, list[Finite]]
    difference: list[Finite]


class Parity(Schema):
    """The result of one comparison."""

    name: str
    created: str
    twin_fingerprint: str
    data_fingerprint: str  # of the phantoms
    settings: dict[str, Any]  # of the float32 twin
    float32_steps: int
    float64_steps: int
    witnesses: dict[str, Witness]
    initial_weights_sha256: dict[str, str]  # by precision
    skipped_updates: dict[str, int]  # by precision: how often the gate shut, so that a reader sees that it was compared
    checks: list[Check]
    chaotic_from: int | None  # the first step at which float32 metrics differ by more than ``bounds.CHAOS``
    curves: dict[str, Curves]  # by precision

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if not check.passed]
