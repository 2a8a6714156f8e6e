"""Checkpoints: Keras weight files with a note of what they are, written so that none is ever half there."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from keras import ops

from cxrbench.errors import RunError
from cxrbench.folders import write_json
from cxrbench.gan.dcgan import DCGAN

SUFFIX = ".weights.h5"


@dataclass(frozen=True)
class Checkpoint:
    """The state after ``step`` steps. Any backend can load what another wrote.

    ``train_seconds`` are those of training until then, ``progress_seconds`` those of sample grids and the measuring of
    quality; None where nobody counted, and in a note of an earlier version.
    """

    step: int
    training_fingerprint: str
    data_fingerprint: str
    backend: str
    sha256: str
    train_seconds: float | None = None
    progress_seconds: float | None = None

    @property
    def file_name(self) -> str:
        return f"step-{self.step:08d}{SUFFIX}"


def save_checkpoint(
    folder: Path,
    gan: DCGAN,
    step: int,
    training_fingerprint: str,
    data_fingerprint: str,
    backend: str,
    train_seconds: float | None = None,
    progress_seconds: float | None = None,
) -> Checkpoint:
    """Write the state, then the note that makes it a checkpoint.

    Raises:
        RunError: a weight is not finite; nothing was written.
    """
    for variable in gan.state:
        if not np.all(np.isfinite(ops.convert_to_numpy(variable.value))):
            raise RunError(f"{folder}: {variable.path} is not finite after step {step}; no checkpoint was written")
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"partial{SUFFIX}"
    gan.save_weights(partial)
    identity = (step, training_fingerprint, data_fingerprint, backend, _sha256(partial))
    checkpoint = Checkpoint(*identity, train_seconds, progress_seconds)
    os.replace(partial, folder / checkpoint.file_name)
    write_json(_note(folder, step), asdict(checkpoint))
    return checkpoint


def newest_checkpoint(folder: Path, training_fingerprint: str) -> tuple[Checkpoint | None, list[str]]:
    """The newest intact checkpoint of an experiment, and a line for each newer one that was passed over.

    Raises:
        RunError: there are intact ones, but all are of other settings.
    """
    refused, foreign = [], []
    for note in sorted(folder.glob("step-*.json"), reverse=True):
        found = _inspect(note)
        if isinstance(found, str):
            refused.append(found)
        elif found.training_fingerprint != training_fingerprint:
            theirs, file = found.training_fingerprint, folder / found.file_name
            foreign.append(f"{file}: made with other training settings ({theirs}, not {training_fingerprint})")
        else:
            return found, foreign + refused
    if foreign:
        raise RunError(f"{foreign[0]}; use its configuration, or --fresh to train anew")
    return None, refused


def load_checkpoint(folder: Path, checkpoint: Checkpoint, gan: DCGAN) -> None:
    """Set all state of ``gan``, whichever backend wrote it."""
    gan.load_weights(folder / checkpoint.file_name)


def prune_checkpoints(folder: Path, keep: int) -> None:
    """Delete all but the newest ``keep`` intact checkpoints, each note before its weights, and what has no note."""
    notes = sorted(folder.glob("step-*.json"), reverse=True)
    intact = [note for note in notes if isinstance(_inspect(note), Checkpoint)]
    for note in set(notes) - set(intact[:keep]):
        note.unlink()
    for weights in folder.glob(f"step-*{SUFFIX}"):
        if not weights.with_name(weights.name.replace(SUFFIX, ".json")).exists():
            weights.unlink()


def _inspect(note: Path) -> Checkpoint | str:
    """The checkpoint of a note if its weights are whole, else what is wrong."""
    try:
        checkpoint = Checkpoint(**json.loads(note.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        return f"{note}: not a note of a checkpoint"
    file = note.with_name(checkpoint.file_name)
    if not file.exists():
        return f"{file}: missing"
    if _sha256(file) != checkpoint.sha256:
        return f"{file}: damaged; its SHA-256 is not the one in {note.name}"
    return checkpoint


def _note(folder: Path, step: int) -> Path:
    return folder / f"step-{step:08d}.json"


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
