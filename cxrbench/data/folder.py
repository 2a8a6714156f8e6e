"""Any folder of images, without labels: a source for data that has no loader of its own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import numpy as np
from PIL import Image

from cxrbench.config import DataConfig
from cxrbench.data.decode import SUFFIXES, decode
from cxrbench.data.items import FOREIGN, MISSING, Found, Item, Listing, Problem, held_out_count, train_first
from cxrbench.errors import DataError


def list_items(config: DataConfig, data_dir: Path | None) -> Listing:
    """Every image under the folder, at any depth, in the order of its path; the seed picks those held out.

    The split knows no patients: two images of one patient may fall on different sides.

    Raises:
        DataError: no folder was given, it does not exist, or it holds fewer than two images.
    """
    if data_dir is None:
        raise DataError('data.source "folder": no data directory; pass --data-dir with the folder of images')
    if not data_dir.is_dir():
        raise DataError(f"{data_dir}: no such folder; pass --data-dir with the folder of images")
    images, others, nowhere = _walk(data_dir)
    if len(images) < 2:
        raise DataError(
            f"{data_dir}: holds {len(images)} images, but training and testing need at least one each; "
            f"known are {', '.join(sorted(SUFFIXES))}"
        )
    held_out = min(max(1, held_out_count(config, len(images))), len(images) - 1)
    draws = np.random.Philox(np.random.SeedSequence(config.seed)).random_raw(len(images))
    test = set(np.argsort(draws, kind="stable")[:held_out].tolist())
    items = [
        Item(image.path, "test" if index in test else "train", path=image.path, size=image.size, changed=image.changed)
        for index, image in enumerate(images)
    ]
    problems = [Problem(path, FOREIGN, "is not an image by its name") for path in others]
    problems += [Problem(path, MISSING, "is a link that leads nowhere") for path in nowhere]
    return Listing(train_first(items), tuple(problems), len(items) + len(nowhere), len(items) + len(others))


def read(item: Item, config: DataConfig, data_dir: Path | None) -> Image.Image:
    """Decode one image: of mode L or I;16.

    Raises:
        DataError: the file cannot be decoded.
    """
    return decode((data_dir or Path()) / item.path)


def _walk(data_dir: Path) -> tuple[list[Found], list[str], list[str]]:
    """Images, other files and dangling links under a folder, by relative path, sorted; hidden files are left alone.

    Raises:
        OSError: a folder cannot be read; it must not count as empty.
    """
    images: list[Found] = []
    others: list[str] = []
    nowhere: list[str] = []
    for place, folders, names in os.walk(data_dir, onerror=_refuse):
        folders[:] = [folder for folder in folders if not folder.startswith(".")]
        for name in names:
            file = Path(place, name)
            path = file.relative_to(data_dir).as_posix()
            if name.startswith("."):
                continue
            if file.suffix.lower() not in SUFFIXES:
                others.append(path)
                continue
            try:
                images.append(Found.of(path, file.stat()))
            except FileNotFoundError:
                nowhere.append(path)
    return sorted(images), sorted(others), sorted(nowhere)


def _refuse(error: OSError) -> NoReturn:
    raise error
