"""What every source of images shares: the item, the named problem, and the listing that holds both."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, NamedTuple

from cxrbench.config import DataConfig

Split = Literal["train", "test"]
NO_FINDING = "No Finding"

MISSING = "missing"  # the metadata names the image, but it is not on disk
FOREIGN = "foreign"  # a file is on disk, but the metadata does not name it
UNLISTED = "unlisted"  # named by the metadata or by a split list, but not by both
BAD = "bad"  # it is there, but it cannot be decoded


@dataclass(frozen=True)
class Item:
    """One image and its labels. Unknown labels are empty strings.

    ``path`` is relative to the data directory (for a phantom, its name); ``size`` is the file's length in bytes and
    ``changed`` the time of its last change in nanoseconds: they tell a replaced file.
    ``age`` is in years, rounded down; infants have age 0.
    """

    file: str
    split: Split
    patient: str = ""
    view: str = ""
    age: str = ""
    sex: str = ""
    findings: tuple[str, ...] = ()
    path: str = ""
    size: int = 0
    changed: int = 0


class Found(NamedTuple):
    """An image file on disk: its path relative to the data directory, its length and its last change (`Item`)."""

    path: str
    size: int
    changed: int

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> Found:
        return cls(path, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True)
class Problem:
    """A file that is not in the data set, by name, with the kind of problem and the reason in words."""

    file: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """What a source found: training items first, then test items, each in a fixed order.

    ``listed`` counts the images that were asked for, found or not, and ``on_disk`` the files that were found, wanted
    or not, so that shares can be judged.
    """

    items: tuple[Item, ...]
    problems: tuple[Problem, ...] = ()
    listed: int = 0
    on_disk: int = 0


def train_first(items: list[Item]) -> tuple[Item, ...]:
    """Training items, then test items, each in the order they came."""
    return tuple(sorted(items, key=lambda item: item.split != "train"))


def held_out_count(config: DataConfig, total: int) -> int:
    """How many of ``total`` images ``test_share`` holds out."""
    return round(total * config.test_share)
