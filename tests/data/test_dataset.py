"""A packed data set is opened whole or refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cxrbench.data.dataset import Dataset
from cxrbench.data.nih import ATTRIBUTION
from cxrbench.data.prepare import prepare
from cxrbench.errors import DataError

from .sources import MakeConfig


@pytest.fixture
def packed(tmp_path: Path, nih_dir: Path, make_config: MakeConfig) -> Path:
    return prepare(make_config(source="nih"), nih_dir, tmp_path / "sets", workers=1, progress=False)


def test_what_was_packed_is_there(packed: Path) -> None:
    dataset = Dataset.open(packed)
    assert dataset.train.shape == (4, 32, 32) and dataset.test.shape == (2, 32, 32)
    assert dataset.train.dtype == np.uint8 and isinstance(dataset.images, np.memmap)
    assert [item.file for item in dataset.labels][3:5] == ["00000005_000.png", "00000003_000.png"]
    assert dataset.labels[1].findings == ("Cardiomegaly", "Emphysema")
    assert dataset.labels[1].age == "58" and dataset.labels[4].split == "test"
    assert dataset.attribution == ATTRIBUTION
    dataset.verify(progress=False)


def test_the_fingerprint_stands_for_pixels_and_labels(packed: Path, tmp_path: Path, make_config: MakeConfig) -> None:
    def phantoms(seed: int) -> str:
        config = make_config(count=4, seed=seed)
        return Dataset.open(prepare(config, None, tmp_path / "sets", workers=1, progress=False)).fingerprint

    assert len(phantoms(0)) == 16 and phantoms(0) == phantoms(0)
    assert len({phantoms(0), phantoms(1), Dataset.open(packed).fingerprint}) == 3


def test_a_folder_without_manifest_is_refused(packed: Path) -> None:
    (packed / "manifest.json").unlink()
    with pytest.raises(DataError, match=rf"{packed.name}: is not a packed data set.*cxrbench prepare"):
        Dataset.open(packed)


@pytest.mark.parametrize("content", ["{", "{}", "[]", '{"files": {"images.npy": {}}}', "\udcff"])
def test_a_broken_manifest_is_refused(packed: Path, content: str) -> None:
    (packed / "manifest.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=r"manifest\.json: is not a manifest; delete the folder"):
        Dataset.open(packed)


@pytest.mark.parametrize("name", ["images.npy", "labels.csv"])
def test_a_shortened_or_missing_file_is_refused(packed: Path, name: str) -> None:
    content = (packed / name).read_bytes()
    (packed / name).write_bytes(content[:-10])
    with pytest.raises(DataError, match=rf"{name}: has {len(content) - 10} bytes instead of {len(content)}; delete"):
        Dataset.open(packed)
    (packed / name).unlink()
    with pytest.raises(DataError, match=rf"{name}: has 0 bytes"):
        Dataset.open(packed)


def test_images_of_another_shape_are_refused(packed: Path) -> None:
    file = packed / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["counts"]["train"] += 1
    file.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"images\.npy: holds uint8 \(6, 32, 32\) instead of uint8 \(7, 32, 32\)"):
        Dataset.open(packed)


def test_bytes_that_are_no_array_are_refused(packed: Path) -> None:
    file = packed / "images.npy"
    file.write_bytes(b"\0" * file.stat().st_size)
    with pytest.raises(DataError, match=r"images\.npy: cannot be mapped"):
        Dataset.open(packed)


@pytest.mark.parametrize("name", ["images.npy", "labels.csv"])
def test_verify_finds_one_changed_byte(packed: Path, name: str) -> None:
    content = bytearray((packed / name).read_bytes())
    content[-5] ^= 1
    (packed / name).write_bytes(content)
    dataset = Dataset.open(packed)  # quick: lengths only
    with pytest.raises(DataError, match=rf"{name}: .*SHA-256 differs"):
        dataset.verify(progress=False)
