"""What one backend computed, in one file: facts in JSON and arrays, within one ``.npz``."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxrbench.errors import RunError

FACTS = "facts"


@dataclass(frozen=True)
class Evidence:
    """Facts (settings, commit, machine, hashes) and arrays by name, of one backend and one stage."""

    facts: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def below(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays whose names begin with ``prefix``, without it."""
        return {name.removeprefix(prefix): array for name, array in self.arrays.items() if name.startswith(prefix)}


def save_evidence(file: Path, evidence: Evidence) -> None:
    """Write a file that is whole or not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name("partial.npz")
    np.savez(partial, **{FACTS: np.array(json.dumps(evidence.facts))}, **evidence.arrays)  # type: ignore[arg-type]
    os.replace(partial, file)


def load_evidence(file: Path, command: str) -> Evidence:
    """Read a file that ``command`` writes.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        with np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return Evidence(json.loads(str(arrays.pop(FACTS))), arrays)
    except FileNotFoundError:
        raise RunError(f"{file}: no evidence; run: {command}") from None
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RunError(f"{file}: damaged ({error}); run: {command}") from None


def sha256(arrays: dict[str, NDArray[Any]]) -> str:
    """One hash of named arrays: every name, type, shape and bit counts."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
