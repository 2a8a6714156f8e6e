"""The second stage, in a process of its own: every backend's checkpoint sampled and resumed on this one."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from keras import ops

from cxrbench.config import Config
from cxrbench.data.dataset import Dataset
from cxrbench.errors import RunError
from cxrbench.gan.checkpoints import load_checkpoint, newest_checkpoint
from cxrbench.parity.bounds import RESUMED_STEPS
from cxrbench.parity.evidence import Evidence, sha256
from cxrbench.parity.session import Arrays, Session, calls, steps
from cxrbench.parity.twin import PRECISIONS, twin


def exchange(
    config: Config, backend: str, engine: ModuleType, dataset: Dataset, checkpoints: dict[str, dict[str, Path]]
) -> Evidence:
    """Train the twins to half once more, from nothing; then go on from each checkpoint, and sample the float32 ones.

    Args:
        checkpoints: by the backend that wrote them and by precision, the folders that ``record`` filled.

    Raises:
        RunError: a folder has no intact checkpoint of this twin.
    """
    arrays: Arrays = {}
    hashes: dict[str, Any] = {}
    for precision in PRECISIONS:
        settings = twin(config, precision)
        engine.configure(settings.compute)
        total, half = steps(settings), steps(settings) // 2
        session = Session(settings, engine, dataset)
        title = f"parity {backend} {precision}"
        arrays[f"{precision}/again"] = session.train(0, half, f"{title}, once more")
        hashes[f"{precision}/half"] = sha256(session.state())
        for writer, folders in checkpoints.items():
            hashes[f"{precision}/checkpoint/{writer}"] = _load(folders[precision], session, settings)
            hashes[f"{precision}/loaded/{writer}"] = sha256(session.state())
            if precision == "float32":
                arrays[f"samples/{writer}"] = session.sample()
            last = min(half + RESUMED_STEPS, total)
            arrays[f"{precision}/resumed/{writer}"] = session.train(half, last, f"{title}, resuming {writer}")
            hashes[f"{precision}/resumed/{writer}"] = sha256(session.state())
    return Evidence({"sha256": hashes, "engine": engine.describe(calls(twin(config, "float32")))}, arrays)


def _load(folder: Path, session: Session, config: Config) -> str:
    """Set all state from the checkpoint of a folder; returns the SHA-256 of its file."""
    checkpoint, refused = newest_checkpoint(folder, config.training_fingerprint)
    if checkpoint is None:
        raise RunError(f"{folder}: no intact checkpoint ({'; '.join(refused) or 'empty'}); record its backend again")
    for variable in session.gan.state:  # so that nothing is right because it was so before
        variable.assign(ops.zeros_like(variable.value))
    load_checkpoint(folder, checkpoint, session.gan)
    return checkpoint.sha256
