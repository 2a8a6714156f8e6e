"""Source images to one packed data set: parallel, resumable, and the same bytes however it was made.

Work happens in ``<name>.partial``. Only when everything is there, the manifest with it, the folder takes its real
name in one step. So a folder without ``.partial`` is whole, and one with it is never taken for a data set.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import write_array_header_1_0
from tqdm import tqdm

from cxrbench.config import DataConfig, fingerprint
from cxrbench.data import folder, nih, phantom
from cxrbench.data.dataset import IMAGES, LABELS, MANIFEST, PROBLEMS, Dataset, sha256, write_csv, write_labels
from cxrbench.data.items import BAD, FOREIGN, MISSING, Item, Listing, Problem
from cxrbench.data.packing import JOURNAL, pack
from cxrbench.errors import DataError

SOURCES = {"phantom": phantom, "nih": nih, "folder": folder}
PIPELINE = 1  # raise it with every change that alters pixels or labels: data sets are then packed anew

# The settings that change the result; two experiments that agree on these share one data set.
PIXEL_SETTINGS = ("source", "image_size", "equalize", "fit")
SOURCE_SETTINGS = {
    "phantom": ("count", "test_share", "seed"),
    "nih": ("views", "findings"),
    "folder": ("test_share", "seed"),
}
WITHOUT_GAPS = "without-gaps.npy"
NAMED = 3  # file names that an error message spells out


def prepare(
    config: DataConfig, data_dir: Path | None, root: Path, workers: int | None = None, progress: bool = True
) -> Path:
    """Pack the images that a configuration asks for, or find them packed already.

    Args:
        config: the ``[data]`` section.
        data_dir: where the source images are; not used by phantoms.
        root: the folder of packed data sets; made if needed.
        workers: processes; ``None`` takes one per core. The result does not depend on it.
        progress: show progress bars on standard error.

    Returns:
        ``root/<source>-<image_size>-<8 hexadecimal digits>``, to be opened with `Dataset.open`.

    Raises:
        DataError: the source cannot be read, too many images are missing or bad, or the disk cannot be written.
        ConfigError: a filter that the source does not know.
    """
    try:
        listing = SOURCES[config.source].list_items(config, data_dir)
    except OSError as error:
        raise DataError(f"{data_dir}: cannot be read ({error}); mend it or pass another --data-dir") from None
    _refuse_missing(listing, config, data_dir)
    _refuse_foreign(listing, config, data_dir)
    _refuse_no_training(listing.items, config)
    settings = _settings(config)
    final = root / f"{config.source}-{config.image_size}-{_identity(settings, listing)[:8]}"
    if _is_whole(final):
        return final
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _alone(root):
            if not _is_whole(final):  # another process may have made it while this one waited
                _build(listing, config, settings, data_dir, final, workers, progress)
    except OSError as error:
        raise DataError(f"{root}: cannot be written ({error}); free space or choose another folder") from None
    return final


def _build(
    listing: Listing,
    config: DataConfig,
    settings: dict[str, Any],
    data_dir: Path | None,
    final: Path,
    workers: int | None,
    progress: bool,
) -> None:
    partial = final.with_name(final.name + ".partial")
    partial.mkdir(exist_ok=True)
    items = listing.items
    bad_allowed = math.floor(config.max_bad_share * len(items) + 1e-9)  # 0.29 * 100 is a little less than 29
    read = SOURCES[config.source].read
    faults = pack(items, read, config, data_dir, partial / IMAGES, workers, progress, bad_allowed)

    bad = [Problem(items[index].file, BAD, fault) for index, fault in sorted(faults.items())]
    problems = [*bad, *listing.problems]
    write_csv(partial / PROBLEMS, ("file", "kind", "reason"), ((p.file, p.kind, p.reason) for p in problems))
    if len(faults) > bad_allowed:
        raise DataError(
            f"{data_dir}: {_some(bad)} cannot be decoded, more than data.max_bad_share = {config.max_bad_share} of "
            f"{len(items)} allows; see {partial / PROBLEMS}, then replace or remove them, or raise the share"
        )
    good = [index for index in range(len(items)) if index not in faults]
    kept = [items[index] for index in good]
    _refuse_no_training(kept, config)
    write_labels(partial / LABELS, kept)
    images = _without_faults(partial, good, len(items), progress)
    manifest = {
        "source": config.source,
        "settings": settings,
        "counts": _counts(kept, problems),
        "files": {name: _facts(file, progress) for name, file in ((IMAGES, images), (LABELS, partial / LABELS))},
        "attribution": nih.ATTRIBUTION if config.source == "nih" else None,
    }
    (partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for file in (images, partial / LABELS, partial / PROBLEMS, partial / MANIFEST):
        _to_disk(file)
    if final.exists():
        shutil.rmtree(final)  # it was found damaged
    os.replace(images, partial / IMAGES)
    (partial / JOURNAL).unlink()
    (partial / WITHOUT_GAPS).unlink(missing_ok=True)  # left by an interrupted run whose faulty files were mended
    os.replace(partial, final)


def _settings(config: DataConfig) -> dict[str, Any]:
    keys = PIXEL_SETTINGS + SOURCE_SETTINGS[config.source]
    settings = config.model_dump(mode="json", include=set(keys)) | {"pipeline": PIPELINE}
    return settings | ({"drawing": phantom.DRAWING} if config.source == "phantom" else {})


def _identity(settings: dict[str, Any], listing: Listing) -> str:
    """Changes with the settings, and with the name, length, time of change or label of any image."""
    names = hashlib.sha256()
    for item in listing.items:
        names.update(repr(item).encode())
    return fingerprint({"settings": settings, "items": names.hexdigest()})


def _is_whole(final: Path) -> bool:
    try:
        Dataset.open(final)
    except DataError:
        return False
    return True


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One preparation at a time under a root. The lock is the system's, so a killed process leaves none behind."""
    handle = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another process that prepares data in {root}", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _without_faults(partial: Path, good: list[int], total: int, progress: bool) -> Path:
    """The array file without the rows of faulty items; the packed file itself where there are none."""
    if len(good) == total:
        return partial / IMAGES
    packed = np.load(partial / IMAGES, mmap_mode="r")
    file = partial / WITHOUT_GAPS
    header = {"descr": "|u1", "fortran_order": False, "shape": (len(good), *packed.shape[1:])}
    with file.open("wb") as stream:
        write_array_header_1_0(stream, header)
        for index in tqdm(good, desc="close gaps", unit="img", disable=not progress, delay=1, leave=False):
            stream.write(packed[index].tobytes())
    return file


def _counts(kept: Sequence[Item], problems: Sequence[Problem]) -> dict[str, Any]:
    splits = Counter(item.split for item in kept)
    kinds = Counter(problem.kind for problem in problems)
    return {"train": splits["train"], "test": splits["test"], "problems": dict(sorted(kinds.items()))}


def _facts(file: Path, progress: bool) -> dict[str, Any]:
    return {"bytes": file.stat().st_size, "sha256": sha256(file, progress)}


def _to_disk(file: Path) -> None:
    """Pixels must have reached the disk before the folder's name says that they have."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def _refuse_missing(listing: Listing, config: DataConfig, data_dir: Path | None) -> None:
    missing = [problem for problem in listing.problems if problem.kind == MISSING]
    if len(missing) > config.max_missing_share * listing.listed:
        raise DataError(
            f"{data_dir}: {_some(missing)} of {listing.listed} listed images are not on disk, more than "
            f"data.max_missing_share = {config.max_missing_share} allows; complete the download or raise it"
        )


def _refuse_foreign(listing: Listing, config: DataConfig, data_dir: Path | None) -> None:
    foreign = [problem for problem in listing.problems if problem.kind == FOREIGN]
    if len(foreign) > config.max_foreign_share * listing.on_disk:
        raise DataError(
            f"{data_dir}: {_some(foreign)} of {listing.on_disk} on disk do not belong to the data set, more than "
            f"data.max_foreign_share = {config.max_foreign_share} allows; move them away or raise it"
        )


def _refuse_no_training(items: Sequence[Item], config: DataConfig) -> None:
    if not any(item.split == "train" for item in items):
        raise DataError(
            f'data.source "{config.source}": no training image is left, only {len(items)} for testing; '
            "add images, relax the filters or lower data.test_share"
        )


def _some(problems: Sequence[Problem]) -> str:
    names = ", ".join(problem.file for problem in problems[:NAMED])
    return f"{len(problems)} files ({names}{', …' if len(problems) > NAMED else ''})"
