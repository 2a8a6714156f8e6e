"""What each metric sees: real images of a data set, damaged step by step, into a table that a reader can check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from cxrbench.config import Config
from cxrbench.data.dataset import Dataset
from cxrbench.errors import RunError
from cxrbench.folders import REPORTS, write_json
from cxrbench.measure import machine
from cxrbench.quality.images import draw_indices
from cxrbench.quality.ladders import climb
from cxrbench.quality.phantoms import Anatomist
from cxrbench.quality.sets import RealSets
from cxrbench.quality.spaces import spaces
from cxrbench.report.ladders import LadderTable, write_ladders


def ladders_task(config: Config, dataset_folder: Path, reports: Path = REPORTS, features: Path | None = None) -> None:
    """Damage real images and measure them; writes ``reports/ladders/<name>.json`` and the table of all of them.

    A third of the training images is left out of training's part and damaged: images that are neither held out nor
    training images.

    Raises:
        DataError: the packed dataset cannot be used, or has changed since it was packed.
        RunError: it has too few images.
    """
    dataset = Dataset.open(dataset_folder)
    dataset.verify()
    seed, test, train = config.evaluate.seed, np.asarray(dataset.test), np.asarray(dataset.train)
    apart = draw_indices(len(train), len(train) // 3, seed)
    count = min(config.evaluate.count, len(test), len(apart))
    if count < config.evaluate.count:
        print(
            f"ladders: N = {count} instead of evaluate.count = {config.evaluate.count}: there are no more", flush=True
        )
    if count < 32:
        raise RunError(f"{dataset_folder}: {count} images to damage are too few; ladders need 32: raise data.count")
    unseen, left = train[apart[:count]], np.delete(train, apart, axis=0)
    known = spaces(features, dataset_folder.parent / "features")
    anatomist = Anatomist(config.data) if config.data.source == "phantom" else None
    real = RealSets.of(test, left, count, seed, known, anatomist)
    rungs = [
        rung._asdict() | {"figures": {name: asdict(one) for name, one in rung.figures.items()}}
        for rung in climb(unseen, real)
    ]  # fmt: skip
    file = reports / "ladders" / f"{config.name}.json"
    found = {
        "name": config.name,
        "source": config.data.source,
        "image_size": config.data.image_size,
        "n": count,
        "seed": seed,
        "data_fingerprint": dataset.fingerprint,
        "attribution": dataset.attribution,
        "origin": machine.origin(),
        "rungs": rungs,
    }
    write_json(file, LadderTable.model_validate(found).model_dump())
    print(f"ladders: {file}\nladders: {write_ladders(reports)}", flush=True)
