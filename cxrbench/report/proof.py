"""The proof that belongs to a report: its ``parity.json`` if that is of these settings, and the very first steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import ValidationError

from cxrbench.config import Config
from cxrbench.folders import parity_folder
from cxrbench.native import unknown_to_peers
from cxrbench.parity.bounds import BOUNDS, NATIVE
from cxrbench.parity.result import Curves, Parity
from cxrbench.parity.twin import twin_fingerprint
from cxrbench.report.first_steps import FirstSteps, first_steps
from cxrbench.report.instructions import parity_command
from cxrbench.report.results import read
from cxrbench.report.stages import RunManifest
from cxrbench.report.wording import BACKENDS, listing

DIGITS = 6  # of a curve: more than a figure shows
JAX_ALONE = "stream_engine"  # against JAX's own threefry, so it needs JAX


def read_parity(
    config: Config, settings: dict[str, Any], backends: list[str], runs: Path
) -> tuple[Parity | None, str | None]:
    """The proof of several backends with its curves rounded, or else why there is none and the command that makes it.

    Args:
        config: the experiment, whose name is that of the folder.
        settings: what ran, as in ``run.json``.
        backends: of the report; one alone needs no proof and gets none.

    Raises:
        ReportError: the file is damaged.
    """
    if len(backends) < 2:
        return None, None
    path = parity_folder(config, runs).result
    parity = read(path, Parity) if path.exists() else None
    why = _why_foreign(parity, config, settings, backends) if parity else "no result"
    if parity is None or why:
        return None, f"{why}; run: {parity_command(settings)}"
    return parity.model_copy(update={"curves": {name: _rounded(one) for name, one in parity.curves.items()}}), None


def compare_first_steps(trained: dict[str, tuple[RunManifest, NDArray[Any]]]) -> FirstSteps | None:
    """The second proof, of those backends that were trained in float32 without TF32, which rounds more coarsely."""
    return first_steps(
        {
            backend: losses
            for backend, (run, losses) in trained.items()
            if run.precision == "float32" and not run.config.get("compute", {}).get("tf32")
        }
    )


def _why_foreign(parity: Parity, config: Config, settings: dict[str, Any], backends: list[str]) -> str | None:
    try:
        # Runs of an earlier version have no settings of the twin: those of now stand in.
        ran = Config.model_validate({"parity": config.parity.model_dump()} | settings)
    except ValidationError:
        return "the runs are of an earlier version, whose settings this one cannot read"
    if parity.twin_fingerprint != twin_fingerprint(ran):
        return "of other settings"
    absent = [BACKENDS[backend] for backend in backends if backend not in parity.witnesses]
    if absent:
        return f"without {listing(absent)}"
    left_out = [name for name, bound in BOUNDS.items() if bound.group == NATIVE and unknown_to_peers(ran)]
    left_out += [] if "jax" in parity.witnesses else [JAX_ALONE]
    wanted = {name: bound.limit for name, bound in BOUNDS.items() if name not in left_out}
    return None if {check.name: check.limit for check in parity.checks} == wanted else "of other bounds"


def _rounded(curves: Curves) -> Curves:
    def shorter(values: list[float]) -> list[float]:
        return [float(f"{value:.{DIGITS - 1}e}") for value in values]

    return Curves(
        d_loss={backend: shorter(values) for backend, values in curves.d_loss.items()},
        g_loss={backend: shorter(values) for backend, values in curves.g_loss.items()},
        difference=shorter(curves.difference),
    )
