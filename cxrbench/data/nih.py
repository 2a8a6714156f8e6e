"""NIH ChestX-ray14 in its official layout, whichever release and however much of it was downloaded.

The images may lie in ``images/`` or in ``images_001/images/`` to ``images_012/images/``, as the archives unpack.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image

from cxrbench.config import DataConfig
from cxrbench.data.decode import SUFFIXES, decode
from cxrbench.data.items import FOREIGN, MISSING, UNLISTED, Found, Item, Listing, Problem, Split, train_first
from cxrbench.errors import ConfigError, DataError

ENVIRONMENT = "CXRBENCH_NIH_DIR"
METADATA = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
SPLIT_LISTS: dict[Split, str] = {"train": "train_val_list.txt", "test": "test_list.txt"}

# Column names that mean the same thing in different releases.
COLUMNS = {
    "file": ("Image Index",),
    "findings": ("Finding Labels",),
    "patient": ("Patient ID",),
    "age": ("Patient Age",),
    "sex": ("Patient Gender", "Patient Sex"),
    "view": ("View Position",),
}
Labels = dict[str, Any]  # the fields of an Item that the metadata gives

UNITS_PER_YEAR = {"Y": 1, "M": 12, "D": 365}

ATTRIBUTION = (
    'NIH ChestX-ray14 (Wang et al., "ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks", CVPR 2017), '
    "provided by the NIH Clinical Center, https://nihcc.app.box.com/v/ChestXray-NIHCC"
)


def list_items(config: DataConfig, data_dir: Path | None) -> Listing:
    """The images of the official split that pass the filters, and what is missing or foreign.

    Raises:
        DataError: no data directory, metadata or split lists, an unreadable table, or nothing left to pack.
        ConfigError: a view or finding to filter by that the metadata does not have.
    """
    if data_dir is None:
        raise DataError(
            f"NIH ChestX-ray14: no data directory; pass --data-dir or set {ENVIRONMENT} to the folder that holds "
            f"{METADATA[0]} and images/"
        )
    if not data_dir.is_dir():
        raise DataError(f"{data_dir}: no such folder; pass --data-dir or set {ENVIRONMENT} to one that exists")
    table = _metadata(data_dir)
    rows = _read_rows(table)
    splits = _read_splits(data_dir)
    _refuse_shared_patients(rows, splits, data_dir)
    on_disk, problems = _find_images(data_dir, rows)
    problems += [_unlisted(name, table.name) for name in splits if name not in rows]

    items, listed = [], 0
    for name, row in _filtered(rows, config, table).items():
        if name not in splits:
            problems.append(Problem(name, UNLISTED, f"is in neither {' nor '.join(SPLIT_LISTS.values())}"))
            continue
        listed += 1
        if name in on_disk:
            found = on_disk[name]
            items.append(Item(name, splits[name], **row, path=found.path, size=found.size, changed=found.changed))
        else:
            problems.append(Problem(name, MISSING, f"{table.name} names it, but it is in no image folder"))
    if not items:
        raise DataError(
            f"{data_dir}: none of the {listed} images that are listed and pass the filters is on disk; "
            "put the official archives' images into images/ or images_001/images/ and so on"
        )
    foreign = sum(problem.kind == FOREIGN for problem in problems)
    named = tuple(sorted(problems, key=lambda problem: problem.file))
    return Listing(train_first(items), named, listed, len(on_disk) + foreign)


def read(item: Item, config: DataConfig, data_dir: Path | None) -> Image.Image:
    """Decode one image: of mode L or I;16.

    Raises:
        DataError: the file cannot be decoded.
    """
    return decode((data_dir or Path()) / item.path)


def _metadata(data_dir: Path) -> Path:
    for name in METADATA:
        if (data_dir / name).is_file():
            return data_dir / name
    raise DataError(f"{data_dir}: has no {' or '.join(METADATA)}; download it from the address in the README")


def _read_rows(table: Path) -> dict[str, Labels]:
    """The labels of every image by its file name, in the order of the table."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            header = next(lines, [])
            place = {key: _column(header, names, table) for key, names in COLUMNS.items()}
            return dict(_labels(line, place, table, lines.line_num) for line in lines if line)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: is not a CSV table ({error}); download it again") from None


def _column(header: list[str], names: tuple[str, ...], table: Path) -> int:
    for name in names:
        if name in header:
            return header.index(name)
    raise DataError(f"{table}: has no column {' or '.join(names)}; it has {', '.join(filter(None, header))}")


def _labels(line: list[str], place: dict[str, int], table: Path, number: int) -> tuple[str, Labels]:
    try:
        cell = {key: line[column].strip() for key, column in place.items()}
        return cell["file"], {
            "patient": str(int(cell["patient"])),  # the first release pads it with zeros
            "view": cell["view"],
            "age": _years(cell["age"]),
            "sex": cell["sex"],
            "findings": tuple(cell["findings"].split("|")),
        }
    except (IndexError, ValueError, KeyError) as error:
        raise DataError(f"{table}: line {number} cannot be read ({error}); download the table again") from None


def _years(age: str) -> str:
    """Whole years from ``57``, ``057Y``, ``004M`` or ``001D``."""
    unit = age[-1:] if age[-1:].isalpha() else "Y"
    return str(int(age.removesuffix(unit)) // UNITS_PER_YEAR[unit])


def _read_splits(data_dir: Path) -> dict[str, Split]:
    splits: dict[str, Split] = {}
    for split, name in SPLIT_LISTS.items():
        file = data_dir / name
        if not file.is_file():
            raise DataError(f"{data_dir}: has no {name}, the official split; download it beside the metadata")
        try:
            splits |= dict.fromkeys(file.read_text(encoding="utf-8-sig").split(), split)
        except UnicodeDecodeError as error:
            raise DataError(f"{file}: is not a list of file names ({error}); download it again") from None
    return splits


def _refuse_shared_patients(rows: dict[str, Labels], splits: dict[str, Split], data_dir: Path) -> None:
    """A patient on both sides of the split would let a model be tested on what it has seen."""
    sides: dict[Split, set[str]] = {"train": set(), "test": set()}
    for name, row in rows.items():
        if name in splits:
            sides[splits[name]].add(row["patient"])
    shared = sorted(sides["train"] & sides["test"], key=int)
    if shared:
        raise DataError(
            f"{data_dir}: {len(shared)} patients are in both {' and '.join(SPLIT_LISTS.values())}, "
            f"the first is {shared[0]}; download the official lists again"
        )


def _find_images(data_dir: Path, known: Iterable[str]) -> tuple[dict[str, Found], list[Problem]]:
    """Every known image on disk by its name, and the files that are foreign or second copies."""
    known = set(known)
    found: dict[str, Found] = {}
    problems = []
    for folder in _image_folders(data_dir):
        with os.scandir(data_dir / folder) as entries:
            files = sorted((entry for entry in entries if entry.is_file()), key=lambda entry: entry.name)
        for entry in files:
            path = f"{folder}/{entry.name}"
            if entry.name in found:
                problems.append(Problem(path, FOREIGN, f"is a second copy of {found[entry.name].path}"))
            elif entry.name in known:
                found[entry.name] = Found.of(path, entry.stat())
            elif Path(entry.name).suffix.lower() in SUFFIXES:
                problems.append(Problem(path, FOREIGN, "the metadata does not name it"))
    return found, problems


def _image_folders(data_dir: Path) -> list[str]:
    """``images`` and the archives' ``images_001/images`` and so on, as far as they exist."""
    folders = ["images"] if (data_dir / "images").is_dir() else []
    for archive in sorted(data_dir.glob("images_*")):
        folders += [f"{archive.name}/images"] if (archive / "images").is_dir() else []
    if not folders:
        raise DataError(f"{data_dir}: has neither images/ nor images_001/images/; unpack the image archives there")
    return folders


def _unlisted(name: str, table: str) -> Problem:
    return Problem(name, UNLISTED, f"a split list names it, but {table} does not")


def _filtered(rows: dict[str, Labels], config: DataConfig, table: Path) -> dict[str, Labels]:
    """The rows that have one of the views and one of the findings asked for; an empty filter keeps all."""
    views = {row["view"] for row in rows.values()}
    findings = {finding for row in rows.values() for finding in row["findings"]}
    for key, asked, known in (("views", config.views, views), ("findings", config.findings, findings)):
        unknown = [value for value in asked if value not in known]
        if unknown:
            raise ConfigError(f'data.{key}: no image of {table} has "{unknown[0]}"; it has {", ".join(sorted(known))}')
    keep = {
        name: row
        for name, row in rows.items()
        if (not config.views or row["view"] in config.views)
        and (not config.findings or not set(config.findings).isdisjoint(row["findings"]))
    }
    if not keep:
        raise DataError(
            f"{table}: no image has data.views {config.views} together with data.findings {config.findings}; "
            f"there are views {', '.join(sorted(views))} and findings {', '.join(sorted(findings))}"
        )
    return keep
