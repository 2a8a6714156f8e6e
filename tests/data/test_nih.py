"""The official layout in all its forms, its split, its filters, and what is wrong with a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cxrbench.data import nih
from cxrbench.errors import ConfigError, DataError

from .sources import NIH_ROWS, MakeConfig, write_image, write_nih

NAMES = {split: [row[0] for row in NIH_ROWS if row[-1] == split] for split in ("train", "test")}


@pytest.fixture
def config(make_config: MakeConfig):
    return make_config(source="nih")


@pytest.mark.parametrize("archives", [False, True])
@pytest.mark.parametrize("release", ["first", "2020", "sex"])
def test_every_form_gives_the_same_labels(tmp_path: Path, config, release: str, archives: bool) -> None:
    folder = write_nih(tmp_path / "nih", release, archives)
    listing = nih.list_items(config, folder)
    assert [item.file for item in listing.items] == NAMES["train"] + NAMES["test"]
    assert [item.split for item in listing.items] == ["train"] * 4 + ["test"] * 2
    assert [item.patient for item in listing.items] == ["1", "1", "2", "5", "3", "4"]
    assert [item.age for item in listing.items] == ["57", "58", "0", "69", "1", "0"]
    assert [item.sex for item in listing.items] == ["M", "M", "F", "F", "F", "M"]
    assert [item.view for item in listing.items] == ["PA", "PA", "AP", "PA", "PA", "AP"]
    assert listing.items[1].findings == ("Cardiomegaly", "Emphysema")
    assert listing.problems == () and listing.listed == 6
    assert all((folder / item.path).stat().st_size == item.size > 0 for item in listing.items)
    assert nih.read(listing.items[0], config, folder).size == (48, 48)


def test_missing_images_are_named_and_counted(nih_dir: Path, config) -> None:
    (nih_dir / "images/00000002_000.png").unlink()
    (nih_dir / "images/00000004_000.png").unlink()
    listing = nih.list_items(config, nih_dir)
    assert [(p.file, p.kind) for p in listing.problems] == [
        ("00000002_000.png", "missing"),
        ("00000004_000.png", "missing"),
    ]
    assert len(listing.items) == 4 and listing.listed == 6


def test_foreign_and_double_images_are_named(tmp_path: Path, config) -> None:
    folder = write_nih(tmp_path / "nih", archives=True)
    write_image(folder / "images_002/images/holiday.png", 9)
    write_image(folder / "images_003/images/00000001_000.png", 9)
    (folder / "images_002/images/notes.txt").write_text("not an image")
    listing = nih.list_items(config, folder)
    assert [(p.file, p.kind) for p in listing.problems] == [
        ("images_002/images/holiday.png", "foreign"),
        ("images_003/images/00000001_000.png", "foreign"),
    ]
    assert "images_001/images/00000001_000.png" in listing.problems[1].reason
    assert listing.items[0].path == "images_001/images/00000001_000.png"


def test_an_image_in_no_list_is_left_out_by_name(nih_dir: Path, config) -> None:
    (nih_dir / "test_list.txt").write_text("00000003_000.png\n00000099_000.png\n")
    listing = nih.list_items(config, nih_dir)
    assert "00000004_000.png" not in [item.file for item in listing.items]
    assert [(p.file, p.kind) for p in listing.problems] == [
        ("00000004_000.png", "unlisted"),
        ("00000099_000.png", "unlisted"),
    ]


def test_filters_keep_what_they_name(nih_dir: Path, make_config: MakeConfig) -> None:
    only_ap = nih.list_items(make_config(source="nih", views=["AP"]), nih_dir)
    assert [item.file for item in only_ap.items] == ["00000002_000.png", "00000004_000.png"]
    either = nih.list_items(make_config(source="nih", findings=["Emphysema", "Hernia"]), nih_dir)
    assert [item.file for item in either.items] == ["00000001_001.png", "00000003_000.png"]
    assert either.listed == 2


def test_an_unknown_filter_names_those_that_exist(nih_dir: Path, make_config: MakeConfig) -> None:
    with pytest.raises(ConfigError, match=r'data\.views: .*"LL"; it has AP, PA$'):
        nih.list_items(make_config(source="nih", views=["PA", "LL"]), nih_dir)
    with pytest.raises(
        ConfigError, match=r'data\.findings: .*"Cold"; it has Cardiomegaly, Emphysema, Hernia, No Finding$'
    ):
        nih.list_items(make_config(source="nih", findings=["Cold"]), nih_dir)


def test_filters_that_leave_nothing_name_what_exists(nih_dir: Path, make_config: MakeConfig) -> None:
    with pytest.raises(DataError, match=r"no image has data\.views \['AP'\].*findings Cardiomegaly, Emphysema, Hernia"):
        nih.list_items(make_config(source="nih", views=["AP"], findings=["Hernia"]), nih_dir)


def test_no_directory_says_how_to_name_one(config) -> None:
    with pytest.raises(DataError, match=r"--data-dir or set CXRBENCH_NIH_DIR"):
        nih.list_items(config, None)


def test_a_directory_that_is_not_there(tmp_path: Path, config) -> None:
    with pytest.raises(DataError, match=r"nowhere: no such folder; pass --data-dir"):
        nih.list_items(config, tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["Data_Entry_2017_v2020.csv", "train_val_list.txt", "test_list.txt"])
def test_an_absent_table_is_named(nih_dir: Path, config, name: str) -> None:
    (nih_dir / name).unlink()
    with pytest.raises(DataError, match=rf"has no {name}"):
        nih.list_items(config, nih_dir)


def test_no_image_folder(nih_dir: Path, config) -> None:
    (nih_dir / "images").rename(nih_dir / "pictures")
    with pytest.raises(DataError, match=r"has neither images/ nor images_001/images/"):
        nih.list_items(config, nih_dir)


def test_no_image_at_all(nih_dir: Path, config) -> None:
    for file in (nih_dir / "images").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"none of the 6 images .* is on disk"):
        nih.list_items(config, nih_dir)


def test_a_table_without_a_column(nih_dir: Path, config) -> None:
    table = nih_dir / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text().replace("Patient Gender", "Whatever"))
    with pytest.raises(DataError, match=r"v2020\.csv: has no column Patient Gender or Patient Sex; it has Image Index"):
        nih.list_items(config, nih_dir)


@pytest.mark.parametrize("line", ["00000001_000.png,Hernia", "a.png,Hernia,0,1,old,M,PA,1,1,1,1"])
def test_a_broken_line_is_named(nih_dir: Path, config, line: str) -> None:
    table = nih_dir / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text() + line + "\n")
    with pytest.raises(DataError, match=r"v2020\.csv: line 8 cannot be read"):
        nih.list_items(config, nih_dir)


def test_bytes_that_are_no_text_are_refused(nih_dir: Path, config) -> None:
    (nih_dir / "Data_Entry_2017_v2020.csv").write_bytes(b"\xff\xfe\x00PNG")
    with pytest.raises(DataError, match=r"v2020\.csv: is not a CSV table"):
        nih.list_items(config, nih_dir)


def test_a_patient_on_both_sides_is_refused(nih_dir: Path, config) -> None:
    (nih_dir / "test_list.txt").write_text("00000003_000.png\n00000004_000.png\n00000001_001.png\n")
    with pytest.raises(
        DataError, match=r"1 patients are in both train_val_list\.txt and test_list\.txt, the first is 1;"
    ):
        nih.list_items(config, nih_dir)


def test_the_real_images_are_all_read(real_nih_dir: Path, config) -> None:
    listing = nih.list_items(config, real_nih_dir)
    sides = {split: {item.patient for item in listing.items if item.split == split} for split in ("train", "test")}
    assert sides["train"] and sides["test"] and not sides["train"] & sides["test"]
    assert {item.view for item in listing.items} <= {"PA", "AP"}
    assert "No Finding" in {finding for item in listing.items for finding in item.findings}
    for item in listing.items[:: max(1, len(listing.items) // 20)]:
        image = nih.read(item, config, real_nih_dir)
        assert image.mode == "L" and np.std(image) > 5


def test_a_split_list_that_is_not_text_is_named(tmp_path: Path, make_config: MakeConfig) -> None:
    folder = write_nih(tmp_path / "nih")
    (folder / "train_val_list.txt").write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(DataError, match=r"train_val_list\.txt: is not a list of file names"):
        nih.list_items(make_config(source="nih"), folder)
