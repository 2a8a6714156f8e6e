"""The data pipeline on the whole NIH set, or on as much of it as is on disk, measured and written down."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from cxrbench.config import Config
from cxrbench.data import nih
from cxrbench.data.items import Item
from cxrbench.errors import RunError
from cxrbench.folders import DATASETS, REPORTS, write_json
from cxrbench.measure import machine
from cxrbench.measure.pipeline import Preparing, decoding, preparing, reading
from cxrbench.report.instructions import as_toml
from cxrbench.report.pipeline import Pipeline, write_pipeline

WHOLE = 112_120  # images
MOST_DECODED = 160
SMALL, LARGE = 500, 4000  # images of two preparations whose memory is compared
STEP_TIME = 0.1  # seconds of a step that consumes batches: faster than any backend's at 256x256 on two cores
SECONDS = 10.0  # of reading


def pipeline_task(config: Config, data_dir: Path | None, reports: Path = REPORTS, count: int = WHOLE) -> None:
    """Measure preparing and reading; writes ``reports/pipeline.json`` and ``pipeline.md``.

    A larger set than there is on disk is stood for by links to the images that are there, under names that the
    metadata has, and by a file of noise of the size that the packed set would have.

    Args:
        count: images of the packed file that is read.

    Raises:
        DataError: the images cannot be read.
        RunError: the experiment is not of NIH images, or a preparation failed.
    """
    if config.data.source != "nih":
        raise RunError(f'{config.name}: pipeline measures NIH images; use an experiment with data.source = "nih"')
    if data_dir is None and os.environ.get(nih.ENVIRONMENT):
        data_dir = Path(os.environ[nih.ENVIRONMENT])
    listing = nih.list_items(config.data, data_dir)
    assert data_dir is not None  # or it was refused
    items = listing.items[:: max(1, len(listing.items) // MOST_DECODED)][:MOST_DECODED]
    print(f"pipeline: decoding and preparing {len(items)} images on one core", flush=True)
    alone = decoding(items, config.data, data_dir)
    DATASETS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DATASETS) as folder:  # on a disk: elsewhere it may be memory
        prepared = [_prepared(config, data_dir, items, number, Path(folder).resolve()) for number in (SMALL, LARGE)]
        size = config.data.image_size
        print(f"pipeline: reading {count:,} images of {size}x{size}", flush=True)
        read = reading(Path(folder) / "images.npy", count, size, config.train.batch_size, SECONDS, STEP_TIME)
    found = {
        "image_size": config.data.image_size,
        "batch_size": config.train.batch_size,
        "whole": count,
        "decoding": alone,
        "preparing": prepared,
        "reading": read,
        "attribution": nih.ATTRIBUTION,
        "origin": machine.origin(),
    }
    write_json(reports / "pipeline.json", Pipeline.model_validate(found).model_dump())
    print(f"pipeline: {write_pipeline(reports)}", flush=True)


def _prepared(config: Config, data_dir: Path, items: tuple[Item, ...], count: int, folder: Path) -> Preparing:
    """Prepare so many links to the images, in a process of its own."""
    source = folder / f"source-{count}"
    (source / "images").mkdir(parents=True)
    for name in (next(name for name in nih.METADATA if (data_dir / name).exists()), *nih.SPLIT_LISTS.values()):
        (source / name).symlink_to((data_dir / name).resolve())
    names = [name for name in nih.SPLIT_LISTS.values() for name in (data_dir / name).read_text().split()][:count]
    for number, name in enumerate(names):
        (source / "images" / name).symlink_to((data_dir / items[number % len(items)].path).resolve())
    print(f"pipeline: preparing {len(names):,} images", flush=True)
    experiment = folder / "experiment.toml"
    experiment.write_text("\n".join(as_toml(config.model_dump(mode="json"))) + "\n")
    command = [sys.executable, "-m", "cxrbench", "prepare", "--config", str(experiment), "--data-dir", str(source)]
    try:
        return preparing(command, len(names), folder)
    except subprocess.CalledProcessError as error:
        raise RunError(f"{source}: preparing failed with status {error.returncode}; its message stands above") from None
