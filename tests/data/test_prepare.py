"""Packing: the same bytes however it was made, nothing half done taken for whole, and every fault by name."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrbench.config import DataConfig
from cxrbench.data import folder, packing, phantom
from cxrbench.data.anatomy import anatomy
from cxrbench.data.dataset import Dataset
from cxrbench.data.decode import to_square
from cxrbench.data.phantom import draw
from cxrbench.data.prepare import prepare
from cxrbench.errors import DataError

from .sources import MakeConfig, write_image

MANY = 480  # drawings: enough that a process can be stopped in the middle


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


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Twenty good images."""
    for index in range(20):
        write_image(tmp_path / f"images/{index:02d}.png", index, (40, 48))
    return tmp_path / "images"


def test_rows_are_the_images_and_labels_in_order(tmp_path: Path, make_config: MakeConfig) -> None:
    dataset = Dataset.open(quietly(make_config(count=10, seed=4), None, tmp_path))
    assert dataset.folder.name.startswith("phantom-32-") and len(dataset.folder.name) == len("phantom-32-") + 8
    assert sorted(files(dataset.folder)) == ["images.npy", "labels.csv", "manifest.json", "problems.csv"]
    assert len(dataset.train) == 8 and len(dataset.test) == 2
    for index, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        np.testing.assert_array_equal(image, to_square(draw(anatomy(4, index), 128), 32, True, "pad"))
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


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_an_interrupted_run_goes_on_where_it_stopped(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    config = make_config(count=MANY)
    partial, done, children = interrupted(config, tmp_path / "sets", how)
    assert 0 < done < MANY
    assert [path.name for path in (tmp_path / "sets").iterdir()] == [partial.name]
    with pytest.raises(DataError, match=r"\.partial: is not a packed data set"):
        Dataset.open(partial)
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "workers outlived their parent")

    seen = count_reads(monkeypatch, phantom)
    resumed = quietly(config, None, tmp_path / "sets")
    assert len(seen) == MANY - done
    monkeypatch.undo()
    assert files(resumed) == files(quietly(config, None, tmp_path / "whole"))
    assert not partial.exists()


def interrupted(config: DataConfig, root: Path, how: signal.Signals) -> tuple[Path, int, list[int]]:
    """Prepare in another process, stop it in the middle; the partial folder, its finished rows, its workers."""
    code = (
        "import sys, pathlib; from cxrbench.config import DataConfig; from cxrbench.data.prepare import prepare; "
        "prepare(DataConfig.model_validate_json(sys.argv[1]), None, pathlib.Path(sys.argv[2]), workers=2)"
    )
    here = Path(packing.__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code, config.model_dump_json(), str(root)],
        cwd=here,
        stderr=subprocess.DEVNULL,
        # A shell starts background jobs with SIGINT ignored, and that would be inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        wait_for(lambda: finished(root) >= 32 or process.poll() is not None, "nothing was prepared")
        tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        children = [int(child) for child in tasks.read_text().split()] if tasks.exists() else []
        os.kill(process.pid, how)
        assert process.wait(30) != 0
    finally:
        process.kill()
    (partial,) = root.glob("*.partial")
    return partial, finished(root), children


def finished(root: Path) -> int:
    return sum(np.count_nonzero(np.fromfile(file, np.uint64)) for file in root.glob("*.partial/journal.bin"))


def wait_for(condition, otherwise: str) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)


def interrupt(config: DataConfig, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C after 33 phantoms were read: 32 rows, two whole chunks, are done."""
    with monkeypatch.context() as patch:
        count_reads(patch, phantom, stop_after=33)
        with pytest.raises(KeyboardInterrupt):
            quietly(config, None, root)


def test_a_row_that_was_lost_after_all_is_made_again(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(count=40)
    interrupt(config, tmp_path / "sets", monkeypatch)
    (file,) = (tmp_path / "sets").glob("*.partial/images.npy")
    content = bytearray(file.read_bytes())
    content[-40 * 1024 + 5 * 1024] ^= 255  # one pixel of row 5, as a power cut might leave it
    file.write_bytes(content)
    with monkeypatch.context() as patch:
        seen = count_reads(patch, phantom)
        resumed = quietly(config, None, tmp_path / "sets")
    assert seen == ["phantom-000005"] + [f"phantom-{index:06d}" for index in range(32, 40)]
    assert files(resumed) == files(quietly(config, None, tmp_path / "whole"))


@pytest.mark.parametrize("broken", ["images.npy", "journal.bin"])
def test_a_partial_folder_that_does_not_fit_is_begun_anew(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    config = make_config(count=40)
    interrupt(config, tmp_path / "sets", monkeypatch)
    (file,) = (tmp_path / "sets").glob(f"*.partial/{broken}")
    file.write_bytes(file.read_bytes()[:50])
    assert files(quietly(config, None, tmp_path / "sets")) == files(quietly(config, None, tmp_path / "whole"))


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


def test_a_worker_that_dies_is_an_error_and_not_a_wait(tmp_path: Path, make_config: MakeConfig) -> None:
    config = make_config(count=160)
    items = phantom.list_items(config, None).items
    with pytest.raises(DataError, match=r"a worker process died.*goes on where it stopped"):
        packing.pack(items, die, config, None, tmp_path / "images.npy", workers=2, progress=False, bad_allowed=0)


def die(item, config, data_dir):
    os._exit(9)  # as when the system kills a process for want of memory


def test_two_at_once_do_the_work_once(tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(count=60)
    seen = count_reads(monkeypatch, phantom)
    made: list[Path] = []
    threads = [threading.Thread(target=lambda: made.append(quietly(config, None, tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 2 and made[0] == made[1]
    assert len(seen) == 60


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


def test_a_finished_set_waits_for_nobody(tmp_path: Path, make_config: MakeConfig) -> None:
    config = make_config(count=4)
    made = quietly(config, None, tmp_path)
    busy = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(busy, fcntl.LOCK_EX)  # another data set is being packed beside it
    found: list[Path] = []
    thread = threading.Thread(target=lambda: found.append(quietly(config, None, tmp_path)), daemon=True)
    thread.start()
    thread.join(10)
    os.close(busy)
    assert found == [made]


def test_a_full_disk_is_an_error_that_can_be_mended(
    tmp_path: Path, make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(count=20)
    write = os.pwrite
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda handle, data, place: write(handle, data[:100], place))
        with pytest.raises(DataError, match=r"sets: cannot be written \(.*[Nn]o space left.*free space"):
            quietly(config, None, tmp_path / "sets")
    assert files(quietly(config, None, tmp_path / "sets")) == files(quietly(config, None, tmp_path / "whole"))


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
