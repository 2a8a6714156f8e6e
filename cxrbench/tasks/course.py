"""Quality along a training: images that it drew at the same latents, measured as its samples are."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from tqdm import tqdm

from cxrbench.data.dataset import Dataset
from cxrbench.errors import CxrbenchError, RunError
from cxrbench.folders import PROGRESS_COLUMNS, RunFolder
from cxrbench.quality.images import Images, QualityError
from cxrbench.quality.registry import METRICS
from cxrbench.quality.sets import RealSets, Sets
from cxrbench.quality.spaces import INCEPTION, Space
from cxrbench.report.courses import Course, Figure, Point
from cxrbench.report.sides import read_table

FOLLOWED = ("k{i}d_{space}", "f{i}d_{space}_n{n}", "intensity_wasserstein_256")


def measure_course(folder: RunFolder, dataset: Dataset, seed: int, known: dict[str, Space]) -> Course | None:
    """A few figures of the images of every grid, at their own N; None where training kept none.

    Images that are damaged, or of another size or number than the others, are said and left out.
    """
    if not folder.progress.exists():
        return None
    rows = read_table(folder.progress, PROGRESS_COLUMNS)
    kept = [row for row in rows if folder.drawn(int(row["epoch"])).exists()]
    real, points = None, []
    for row in tqdm(kept, desc=f"evaluate {folder.path.name}: its course", unit="grid", dynamic_ncols=True):
        try:
            images = _images(folder, int(row["epoch"]))
            real = real or _real(dataset, len(images), seed, known)
            figures = _figures(real.beside(images, str(folder.drawn(int(row["epoch"])))))
        except CxrbenchError as error:
            print(f"evaluate: left out of the course: {error}", flush=True)
            continue
        seconds = float(row["train_seconds"])
        points.append(Point(step=int(row["step"]), epoch=int(row["epoch"]), seconds=seconds, figures=figures))
    if real is None or not points:
        return None
    floor = {name: figure.value for name, figure in _figures(real.floor("reference")).items()}
    return Course(n=len(real.reference), floor=floor, points=points)


def _images(folder: RunFolder, epoch: int) -> Images:
    """The images of one grid.

    Raises:
        RunError: the file is damaged.
    """
    file = folder.drawn(epoch)
    try:
        return np.load(file, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise RunError(f"{file}: damaged ({error}); delete it") from None


def _real(dataset: Dataset, count: int, seed: int, known: dict[str, Space]) -> RealSets:
    leading = {name: space for name, space in known.items() if name == INCEPTION}
    return RealSets.of(np.asarray(dataset.test), np.asarray(dataset.train), count, seed, leading)


def _figures(sets: Sets) -> dict[str, Figure]:
    found = {}
    for metric in METRICS:
        if metric.template in FOLLOWED:
            for name, measure in metric.figures(sets):
                try:
                    found[name] = Figure.model_validate(asdict(measure()))
                except QualityError:
                    continue  # the space cannot be had here, which the figures of the samples say
    return found
