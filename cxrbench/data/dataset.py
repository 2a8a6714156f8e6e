"""A packed data set: a folder that is whole or refused.

========================  ==============================================================
``images.npy``            (N, size, size) uint8, training images first, then test images
``labels.csv``            row i describes image i
``problems.csv``          every file that is not in it, with the reason
``manifest.json``         source, settings, counts, lengths and SHA-256 of the two above
========================  ==============================================================
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cxrbench.config import fingerprint
from cxrbench.data.items import Item
from cxrbench.errors import DataError

IMAGES, LABELS, PROBLEMS, MANIFEST = "images.npy", "labels.csv", "problems.csv", "manifest.json"
LABEL_COLUMNS = ("file", "split", "patient", "view", "age", "sex", "findings")
FINDING_SEPARATOR = "|"
BLOCK = 1 << 22  # bytes hashed at a time


@dataclass(frozen=True)
class Dataset:
    """A packed data set that has been checked for completeness."""

    folder: Path
    manifest: dict[str, Any]
    images: NDArray[np.uint8]

    @classmethod
    def open(cls, folder: Path) -> Dataset:
        """Map a packed data set into memory.

        Raises:
            DataError: it has no manifest, or a file is missing or not as long as the manifest says.
        """
        manifest = _read_manifest(folder)
        for name, facts in manifest["files"].items():
            file = folder / name
            length = file.stat().st_size if file.is_file() else 0
            if length != facts["bytes"]:
                raise _damaged(file, f"has {length} bytes instead of {facts['bytes']}")
        try:
            images = np.load(folder / IMAGES, mmap_mode="r")
        except ValueError as error:
            raise _damaged(folder / IMAGES, f"cannot be mapped ({error})") from None
        size, counts = manifest["settings"]["image_size"], manifest["counts"]
        shape = (counts["train"] + counts["test"], size, size)
        if images.shape != shape or images.dtype != np.uint8:
            raise _damaged(folder / IMAGES, f"holds {images.dtype} {images.shape} instead of uint8 {shape}")
        return cls(folder, manifest, images)

    @property
    def train(self) -> NDArray[np.uint8]:
        """(n, size, size) uint8, a view of the mapped file."""
        return self.images[: self.manifest["counts"]["train"]]

    @property
    def test(self) -> NDArray[np.uint8]:
        """(n, size, size) uint8, a view of the mapped file; of NIH images, no patient is in both."""
        return self.images[self.manifest["counts"]["train"] :]

    @cached_property
    def labels(self) -> tuple[Item, ...]:
        """One item per image, in the same order."""
        with (self.folder / LABELS).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return tuple(Item(**(row | {"findings": _split(row["findings"])})) for row in rows)  # type: ignore[arg-type]

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that stand for every pixel and every label."""
        return fingerprint({name: facts["sha256"] for name, facts in self.manifest["files"].items()})

    @property
    def attribution(self) -> str | None:
        """What a page that shows these images must say, or ``None`` for drawn ones."""
        attribution: str | None = self.manifest["attribution"]
        return attribution

    def verify(self, progress: bool = True) -> None:
        """Read every byte again and compare the SHA-256.

        Raises:
            DataError: a file is not what it was when it was packed.
        """
        for name, facts in self.manifest["files"].items():
            if sha256(self.folder / name, progress) != facts["sha256"]:
                raise _damaged(self.folder / name, "is not what was packed: its SHA-256 differs")


def sha256(file: Path, progress: bool) -> str:
    """The SHA-256 of a file in hexadecimal, with a progress bar for those that take a while."""
    digest = hashlib.sha256()
    total = file.stat().st_size
    look: dict[str, Any] = {"unit": "B", "unit_scale": True, "delay": 1, "leave": False}
    with file.open("rb") as stream, tqdm(total=total, desc=f"hash {file.name}", disable=not progress, **look) as bar:
        while block := stream.read(BLOCK):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()


def write_labels(file: Path, items: Iterable[Item]) -> None:
    """One row per item, in order."""
    plain = LABEL_COLUMNS[:-1]
    rows = ([*(getattr(item, key) for key in plain), FINDING_SEPARATOR.join(item.findings)] for item in items)
    write_csv(file, LABEL_COLUMNS, rows)


def write_csv(file: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """A CSV table with the same line ends on every machine."""
    # A file name need not be valid text; what cannot be written as UTF-8 is shown escaped.
    with file.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _read_manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not file.is_file():
        raise DataError(f"{folder}: is not a packed data set, it has no {MANIFEST}; run: python -m cxrbench prepare")
    try:
        manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if set(manifest["files"]) == {IMAGES, LABELS}:
            return manifest
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError):
        pass
    raise _damaged(file, "is not a manifest")


def _damaged(file: Path, fault: str) -> DataError:
    return DataError(f"{file}: {fault}; delete the folder and run: python -m cxrbench prepare")


def _split(findings: str) -> tuple[str, ...]:
    return tuple(filter(None, findings.split(FINDING_SEPARATOR)))
