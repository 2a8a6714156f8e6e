"""A plain folder as a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxrbench.data import folder
from cxrbench.errors import DataError

from .sources import MakeConfig, write_image


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for index in range(20):
        write_image(
            tmp_path / "in" / ("deep/er" if index % 3 else "") / f"{index:02d}.{'PNG' if index % 2 else 'png'}", index
        )
    (tmp_path / "in/readme.txt").write_text("not an image")
    (tmp_path / "in/.hidden.png").write_text("not an image either")
    return tmp_path / "in"


def test_every_image_is_found_at_any_depth(images: Path, make_config: MakeConfig) -> None:
    config = make_config(source="folder")
    listing = folder.list_items(config, images)
    assert len(listing.items) == listing.listed == 20
    assert {item.file for item in listing.items} >= {"00.png", "deep/er/01.PNG", "03.PNG"}
    assert [(problem.file, problem.kind) for problem in listing.problems] == [("readme.txt", "foreign")]
    assert folder.read(listing.items[0], config, images).size == (48, 48)


def test_the_seed_decides_the_split_and_training_comes_first(images: Path, make_config: MakeConfig) -> None:
    def split(seed: int) -> list[tuple[str, str]]:
        config = make_config(source="folder", seed=seed, test_share=0.25)
        return [(item.file, item.split) for item in folder.list_items(config, images).items]

    assert split(1) == split(1)
    assert split(1) != split(2)
    assert [side for _, side in split(1)] == ["train"] * 15 + ["test"] * 5
    training = [file for file, side in split(1) if side == "train"]
    assert training == sorted(training)


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_both_sides_get_an_image(images: Path, make_config: MakeConfig, share: float) -> None:
    items = folder.list_items(make_config(source="folder", test_share=share), images).items
    assert {item.split for item in items} == {"train", "test"}


def test_no_folder_and_no_images_are_named(tmp_path: Path, make_config: MakeConfig) -> None:
    config = make_config(source="folder")
    with pytest.raises(DataError, match=r"no data directory; pass --data-dir"):
        folder.list_items(config, None)
    with pytest.raises(DataError, match=r"nowhere: no such folder"):
        folder.list_items(config, tmp_path / "nowhere")
    write_image(tmp_path / "one.png", 0)
    with pytest.raises(DataError, match=r"holds 1 images.*\.png"):
        folder.list_items(config, tmp_path)
