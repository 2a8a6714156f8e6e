"""Packing: the same bytes however it was made, nothing half done taken for whole, and every fault by name."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrbench.data import folder, packing, phantom
from cxrbench.data.anatomy import anatomy
from cxrbench.data.dataset import Dataset
from cxrbench.data.decode import to_square
from cxrbench.data.phantom import draw
from cxrbench.data.prepare import prepare
from cxrbench.errors import DataError

from .preparing import count_reads, files, problems, quietly
from .sources import MakeConfig, write_image


def test_rows_are_the_images_and_labels_in_order(tmp_path: Path, make_config: MakeConfig) -> None:
    dataset = Dataset.open(quietly(make_config(count=10, seed=4), None, tmp_path))
    assert dataset.folder.name.startswith("phantom-32-") and len(dataset.folder.name) == len("phantom-32-") + 8
    assert sorted(files(dataset.folder)) == ["images.npy", "labels.csv", "manifest.json", "problems.csv"]
    assert len(dataset.train) == 8 and len(dataset.test) == 2
    for index, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        np.testing.assert_array_equal(image, to_square(Image.fromarray(draw(anatomy(4, index), 128)), 32, True, "pad"))
        assert label.findings == anatomy(4, index).findings
    assert dataset.attribution is None


def test_one_and_two_workers_give_the_same_bytes(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    pools = []

    class Recorded(ProcessPoolExecutor):
        def __init__(self, workers: int, *rest, **options) -> None:
            pools.append(workers)
            super().__init__(workers, *rest, **options)

    monkeypatch.setattr(packing, "ProcessPoolExecutor", Recorded)
    config = make_config(count=160)
    alone = quietly(config, None, tmp_path / "one", workers=1)
    assert pools == []
    together = quietly(config, None, tmp_path / "two", workers=2)
    assert pools == [2]
    assert alone.name == together.name and files(alone) == files(together)


def test_a_finished_set_is_reused_without_reading(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(count=10)
    first = quietly(config, None, tmp_path)
    before = (first / "images.npy").stat().st_mtime_ns
    seen = count_reads(monkeypatch, phantom)
    assert quietly(config, None, tmp_path) == first
    assert quietly(make_config(count=10, max_bad_share=0.5, max_missing_share=0.5), None, tmp_path) == first
    assert seen == [] and (first / "images.npy").stat().st_mtime_ns == before


def test_a_damaged_set_is_made_again(tmp_path: Path, make_config: MakeConfig) -> None:
    config = make_config(count=10)
    made = quietly(config, None, tmp_path)
    whole = files(made)
    (made / "images.npy").write_bytes(b"short")
    assert files(quietly(config, None, tmp_path)) == whole
    assert [path.name for path in tmp_path.iterdir()] == [made.name]


def test_settings_that_change_the_result_change_the_name(tmp_path: Path, images: Path, make_config: MakeConfig) -> None:
    changes = [{}, {"seed": 1}, {"image_size": 64}, {"equalize": False}, {"fit": "crop"}, {"test_share": 0.4}]
    made = {quietly(make_config(source="folder", **change), images, tmp_path / "sets") for change in changes}
    assert len(made) == len(changes)
    write_image(images / "20.png", 20)
    made.add(quietly(make_config(source="folder"), images, tmp_path / "sets"))
    assert len(made) == len(changes) + 1


def test_bad_files_are_left_out_by_name(tmp_path: Path, images: Path, make_config: MakeConfig) -> None:
    config = make_config(source="folder", max_bad_share=0.1, equalize=False)
    whole = Dataset.open(quietly(config, images, tmp_path / "sets"))
    kept = {label.file: image for label, image in zip(whole.labels, whole.images, strict=True)}
    bad = [whole.labels[3].file, whole.labels[-1].file]
    for name in bad:
        (images / name).write_bytes(b"\0" * (images / name).stat().st_size)
    (images / "notes.txt").write_text("not an image")

    (tmp_path / "sets").rename(tmp_path / "before")
    made = quietly(config, images, tmp_path / "sets")
    dataset = Dataset.open(made)
    assert [(row["file"], row["kind"]) for row in problems(made)] == [(n, "bad") for n in bad] + [
        ("notes.txt", "foreign")
    ]
    assert "cannot be decoded" in problems(made)[0]["reason"]
    assert dataset.manifest["counts"] == {"train": 15, "test": 3, "problems": {"bad": 2, "foreign": 1}}
    assert sorted(label.file for label in dataset.labels) == sorted(set(kept) - set(bad))
    for label, image in zip(dataset.labels, dataset.images, strict=True):
        np.testing.assert_array_equal(image, kept[label.file])
    assert sorted(files(made)) == ["images.npy", "labels.csv", "manifest.json", "problems.csv"]
    dataset.verify(progress=False)


def test_too_many_bad_files_stop_and_are_named(
    tmp_path: Path, images: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("04.png", "05.png", "06.png"):
        (images / name).write_text("no image")
    config = make_config(source="folder", max_bad_share=0.1)
    with pytest.raises(DataError, match=r"3 files \(.*0[456]\.png.*\) cannot be decoded.*max_bad_share = 0\.1 of 20"):
        quietly(config, images, tmp_path / "sets")
    (partial,) = (tmp_path / "sets").iterdir()
    assert partial.name.endswith(".partial")
    assert sorted(row["file"] for row in problems(partial)) == ["04.png", "05.png", "06.png"]

    seen = count_reads(monkeypatch, folder)
    made = quietly(make_config(source="folder", max_bad_share=0.15), images, tmp_path / "sets")
    assert len(Dataset.open(made).images) == 17
    assert set(seen) >= {"04.png", "05.png", "06.png"} and len(seen) < 20  # the good ones were not read again


def test_missing_images_stop_past_their_share(tmp_path: Path, nih_dir: Path, make_config: MakeConfig) -> None:
    (nih_dir / "images/00000001_000.png").unlink()
    (nih_dir / "images/00000003_000.png").unlink()
    with pytest.raises(
        DataError, match=r"2 files \(00000001_000\.png, 00000003_000\.png\) of 6 .*max_missing_share = 0\.3"
    ):
        quietly(make_config(source="nih", max_missing_share=0.3), nih_dir, tmp_path / "sets")
    made = quietly(make_config(source="nih", max_missing_share=0.34), nih_dir, tmp_path / "sets")
    assert [row["kind"] for row in problems(made)] == ["missing", "missing"]
    assert Dataset.open(made).manifest["counts"] == {"train": 3, "test": 1, "problems": {"missing": 2}}


def test_only_test_images_are_not_enough(tmp_path: Path, nih_dir: Path, make_config: MakeConfig) -> None:
    with pytest.raises(DataError, match=r'"nih": no training image is left, only 1 for testing'):
        quietly(make_config(source="nih", findings=["Hernia"]), nih_dir, tmp_path)


def test_a_root_that_cannot_be_written_is_named(tmp_path: Path, make_config: MakeConfig) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"file/sets: cannot be written .*choose another folder"):
        quietly(make_config(count=4), None, tmp_path / "file/sets")


def test_the_manifest_names_no_machine_and_no_time(tmp_path: Path, nih_dir: Path, make_config: MakeConfig) -> None:
    made = quietly(make_config(source="nih", views=["PA"]), nih_dir, tmp_path / "sets")
    text = (made / "manifest.json").read_text()
    assert str(tmp_path) not in text
    manifest = json.loads(text)
    assert manifest["settings"]["views"] == ["PA"] and "count" not in manifest["settings"]
    assert manifest["counts"]["train"] == 3


def test_real_images_are_packed(tmp_path: Path, real_nih_dir: Path, make_config: MakeConfig) -> None:
    made = prepare(make_config(source="nih", findings=["Pneumonia"]), real_nih_dir, tmp_path, progress=False)
    dataset = Dataset.open(made)
    dataset.verify(progress=False)
    assert all("Pneumonia" in label.findings for label in dataset.labels)
    assert "NIH Clinical Center" in str(dataset.attribution)
    assert 100 < dataset.train.mean() < 150  # equalized films are half dark, half light


def test_foreign_files_stop_past_their_share(tmp_path: Path, make_config: MakeConfig) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for index in range(3):
        Image.fromarray(np.full((8, 8), index * 40, np.uint8)).save(source / f"{index}.png")
    (source / "notes.txt").write_text("not an image")
    (source / "nowhere.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"1 files \(notes\.txt\) of 4 .*max_foreign_share = 0\.2"):
        quietly(make_config(source="folder", max_foreign_share=0.2), source, tmp_path / "sets")
    with pytest.raises(DataError, match=r"1 files \(nowhere\.png\) of 4 .*max_missing_share = 0\.2"):
        quietly(make_config(source="folder", max_missing_share=0.2), source, tmp_path / "sets")
    made = quietly(make_config(source="folder", max_foreign_share=0.25), source, tmp_path / "sets")
    assert [(row["file"], row["kind"]) for row in problems(made)] == [
        ("notes.txt", "foreign"),
        ("nowhere.png", "missing"),
    ]


def test_a_folder_that_cannot_be_read_is_no_empty_one(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(place: object) -> None:
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"cannot be read .*Permission denied"):
        quietly(make_config(source="folder"), tmp_path, tmp_path / "sets")


def test_a_file_replaced_by_one_of_the_same_length_is_noticed(tmp_path: Path, make_config: MakeConfig) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for index in range(4):
        Image.fromarray(np.full((8, 8), index * 40, np.uint8)).save(source / f"{index}.bmp")
    config = make_config(source="folder", equalize=False)
    first = quietly(config, source, tmp_path / "sets")
    assert quietly(config, source, tmp_path / "sets") == first
    before = (source / "2.bmp").stat()
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(source / "2.bmp")
    assert (source / "2.bmp").stat().st_size == before.st_size
    os.utime(source / "2.bmp", ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))
    second = quietly(config, source, tmp_path / "sets")
    assert 200 in Dataset.open(second).images
    assert 200 not in Dataset.open(first).images
    assert Dataset.open(second).fingerprint != Dataset.open(first).fingerprint


def test_a_file_name_that_is_not_text_is_packed(tmp_path: Path, make_config: MakeConfig) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in (b"a\xff.png", b"b.png", b"c.png"):
        Image.fromarray(np.full((8, 8), 90, np.uint8)).save(source / os.fsdecode(name), format="PNG")
    made = quietly(make_config(source="folder"), source, tmp_path / "sets")
    assert len(Dataset.open(made).labels) == 3
