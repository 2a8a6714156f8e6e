"""The task behind ``python -m cxrbench prepare``; every training run begins with it too."""

from __future__ import annotations

import os
from pathlib import Path

from cxrbench.config import Config
from cxrbench.data.dataset import PROBLEMS, Dataset
from cxrbench.data.nih import ENVIRONMENT
from cxrbench.data.prepare import prepare
from cxrbench.folders import DATASETS


def prepare_task(
    config: Config, data_dir: Path | None = None, root: Path = DATASETS, workers: int | None = None
) -> Path:
    """Pack the images of an experiment, or find them packed, and say in one line what there is.

    Args:
        data_dir: where the source images are; for NIH images ``CXRBENCH_NIH_DIR`` stands in for it.
        root: the folder of packed data sets.
        workers: processes; None takes one per core.

    Returns:
        The folder of the packed data set.

    Raises:
        DataError, ConfigError: as `cxrbench.data.prepare.prepare`.
    """
    if data_dir is None and config.data.source == "nih" and os.environ.get(ENVIRONMENT):
        data_dir = Path(os.environ[ENVIRONMENT])
    folder = prepare(config.data, data_dir, root, workers)
    print(_summary(folder))
    return folder


def _summary(folder: Path) -> str:
    counts = Dataset.open(folder).manifest["counts"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts["problems"].items())
    problems = f"{kinds}, named in {folder / PROBLEMS}" if kinds else "no problems"
    return f"{folder}: {counts['train']} training and {counts['test']} test images; {problems}"
