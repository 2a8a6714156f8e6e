"""The second proof: how far the very trainings of a report agree over their first steps, at full size."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrbench.folders import LOSS_COLUMNS
from cxrbench.parity.bounds import FIRST_STEPS
from cxrbench.parity.result import Finite, Schema

# Of any metric in float32, ten times what the twin is held to: at 64x64 and full width rounding alone takes each
# backend 2e-4 away from its own training in float64 within ten steps, at the rates of the reference settings. At higher
# rates it takes them further, and only ``full_size_float64`` tells whether the work is the same.
LIMIT = 1e-3
# The first step's losses show the discriminator's update, if its gate is open, and the second's the generator's: there
# a gross fault of the float32 programs would show before anything can grow.
UPDATES_SHOWN = 2
METRICS = LOSS_COLUMNS[LOSS_COLUMNS.index("d_loss") :]


class FirstSteps(Schema):
    """The largest difference of any metric between any two backends over the first ``steps`` steps of training.

    ``measured`` is None where a value was not finite; ``metric``, ``step`` and ``backends`` are where it was found.
    ``together`` is how many steps from the first on no metric of any two differs by more than ``limit``; None in a
    report of an earlier version.
    """

    steps: int
    limit: Finite
    measured: Finite | None
    metric: str
    step: int
    backends: tuple[str, str]
    together: int | None = None

    @property
    def passed(self) -> bool:
        return self.measured is not None and self.measured <= self.limit

    @property
    def updates_shown(self) -> bool:
        """Whether all are finite, and together until each network has been updated once."""
        return self.measured is not None and self.together is not None and self.together >= UPDATES_SHOWN


def first_steps(losses: dict[str, NDArray[Any]]) -> FirstSteps | None:
    """Compare the tables of ``sides.read_table`` of several backends; None without two of them or a step."""
    steps = min((len(table) for table in losses.values()), default=0)
    steps = min(steps, FIRST_STEPS)
    if len(losses) < 2 or not steps:
        return None
    differences = {
        (metric, pair): _difference(*(losses[backend][metric][:steps] for backend in pair))
        for metric in METRICS
        for pair in combinations(losses, 2)
    }
    (metric, backends), by_step = max(differences.items(), key=lambda one: float(one[1].max()))
    step = int(by_step.argmax())
    measured = float(by_step[step])
    apart = np.max(list(differences.values()), axis=0) > LIMIT
    return FirstSteps(
        steps=steps,
        limit=LIMIT,
        measured=measured if np.isfinite(measured) else None,
        metric=metric,
        step=step,
        backends=backends,
        together=int(apart.argmax()) if apart.any() else steps,
    )


def _difference(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """By step; infinite where either is not finite, which is worse than any other difference."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(left) & np.isfinite(right), np.abs(left - right), np.inf)
