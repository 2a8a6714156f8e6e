"""The prepare task: where the data directory comes from, and the one line that it prints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrbench.config import Config
from cxrbench.configfile import load_config
from cxrbench.errors import DataError
from cxrbench.tasks.prepare import prepare_task


def write_nih(folder: Path) -> Path:
    """A data directory with one training image, one test image and one that is missing."""
    (folder / "images").mkdir(parents=True)
    rows = [f"{n:08d}_000.png,No Finding,0,{n},50,F,PA,1,1,1,1" for n in (1, 2, 3)]
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
    (folder / "Data_Entry_2017_v2020.csv").write_text("\n".join([header, *rows]))
    (folder / "train_val_list.txt").write_text("00000001_000.png\n00000003_000.png")
    (folder / "test_list.txt").write_text("00000002_000.png")
    for n in (1, 2):
        pixels = np.random.default_rng(n).integers(0, 256, (40, 40), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"images/{n:08d}_000.png")
    return folder


def nih() -> Config:
    return load_config("smoke", ["data.source=nih"])


def test_phantoms_need_no_directory_and_are_summed_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = load_config("smoke", ["data.count=80"])
    folder = prepare_task(config, None, tmp_path)
    assert capsys.readouterr().out == f"{folder}: 64 training and 16 test images; no problems\n"
    assert prepare_task(config, None, tmp_path) == folder


def test_problems_are_counted_and_located(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = prepare_task(nih(), write_nih(tmp_path / "nih"), tmp_path / "sets")
    out = capsys.readouterr().out
    assert out == f"{folder}: 1 training and 1 test images; 1 missing, named in {folder / 'problems.csv'}\n"
    assert "00000003_000.png" in (folder / "problems.csv").read_text()


def test_the_environment_stands_in_for_the_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXRBENCH_NIH_DIR", str(write_nih(tmp_path / "nih")))
    assert prepare_task(nih(), None, tmp_path / "sets").name.startswith("nih-32-")
    with pytest.raises(DataError, match="elsewhere: no such folder"):
        prepare_task(nih(), tmp_path / "elsewhere", tmp_path / "sets")


@pytest.mark.parametrize("value", [None, ""])
def test_neither_is_an_error_that_names_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("CXRBENCH_NIH_DIR", raising=False)
    if value is not None:
        monkeypatch.setenv("CXRBENCH_NIH_DIR", value)
    with pytest.raises(DataError, match="--data-dir or set CXRBENCH_NIH_DIR"):
        prepare_task(nih(), None, tmp_path)


def test_the_variable_is_not_for_other_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXRBENCH_NIH_DIR", str(write_nih(tmp_path / "nih")))
    with pytest.raises(DataError, match=r"pass --data-dir with the folder of images"):
        prepare_task(load_config("smoke", ["data.source=folder"]), None, tmp_path / "sets")
