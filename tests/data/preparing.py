"""What the tests of packing share."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cxrbench.config import DataConfig
from cxrbench.data.prepare import prepare


def files(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def quietly(config: DataConfig, data_dir: Path | None, root: Path, workers: int = 1) -> Path:
    return prepare(config, data_dir, root, workers=workers, progress=False)


def problems(path: Path) -> list[dict[str, str]]:
    with (path / "problems.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def count_reads(monkeypatch: pytest.MonkeyPatch, source, stop_after: int = 10**9) -> list[str]:
    """The files that a source reads from now on; Ctrl-C comes when ``stop_after`` have been read."""
    real, seen = source.read, []

    def read(item, config, data_dir):
        if len(seen) == stop_after:
            raise KeyboardInterrupt
        seen.append(item.file)
        return real(item, config, data_dir)

    monkeypatch.setattr(source, "read", read)
    return seen
