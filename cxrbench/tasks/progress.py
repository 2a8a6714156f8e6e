"""Quality while a run trains: images at fixed latents, kept for later, and cheap metrics of them in a CSV file."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from cxrbench.config import Config
from cxrbench.data.dataset import Dataset
from cxrbench.folders import PROGRESS_COLUMNS, RunFolder, write_atomically
from cxrbench.quality.bands import patches_of, sliced
from cxrbench.quality.images import Images, draw, histograms
from cxrbench.quality.intensity import wasserstein
from cxrbench.quality.registry import bands


class Progress:
    """Compares images that the generator draws at the same latents with as many held-out ones.

    The distance of the finest band sees texture and checkerboard, that of the gray levels exposure and contrast. Both
    need no network, so that they cost a fraction of a second; what needs one is measured by ``evaluate``, of the
    images that are kept here.
    """

    def __init__(self, config: Config, dataset: Dataset, folder: RunFolder, count: int, first_step: int):
        """``count`` images, at most as many as are held out, after ``first_step`` steps of an interrupted run."""
        self.count, self.seed, self.folder = min(count, len(dataset.test)), config.evaluate.seed, folder
        reference = draw(np.asarray(dataset.test), self.count, self.seed)
        self.finest = bands(config.data.image_size)[0]
        self.patches = patches_of(reference, self.seed)[self.finest]
        self.levels = histograms(reference).sum(axis=0)
        _drop_rows_past(folder.progress, first_step)

    def add(self, images: Images, step: int, epoch: int, seconds: float) -> None:
        """Measure (N, H, W) uint8 images, N at least ``count``, of the generator after so many steps and seconds."""
        images = images[: self.count]
        kept = self.folder.drawn(epoch)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_name("partial.npy")
        np.save(partial, images)
        os.replace(partial, kept)
        texture = sliced(patches_of(images, self.seed)[self.finest], self.patches, self.seed)
        levels = wasserstein(histograms(images).sum(axis=0), self.levels)
        with self.folder.progress.open("a", newline="", encoding="utf-8") as stream:
            row = [step, epoch, f"{seconds:.3f}", f"{texture:.6g}", f"{levels:.6g}"]
            csv.writer(stream, lineterminator="\n").writerow(row)


def _drop_rows_past(file: Path, first_step: int) -> None:
    """A run that goes on at a checkpoint forgets what came after it."""
    rows = []
    if file.exists() and first_step:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.reader(stream) if row and row[0].isdigit() and int(row[0]) <= first_step]
    write_atomically(file, "\n".join(",".join(row) for row in [list(PROGRESS_COLUMNS), *rows]) + "\n")
