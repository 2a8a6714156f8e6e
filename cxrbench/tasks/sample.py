"""Draw images from a trained generator."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from tqdm import tqdm

from cxrbench.config import Config
from cxrbench.errors import RunError
from cxrbench.folders import RUNS, RunFolder, run_folder, write_json
from cxrbench.gan.checkpoints import load_checkpoint, newest_checkpoint
from cxrbench.gan.dcgan import DCGAN, build_interpolator, build_sampler
from cxrbench.gan.randomness import Purpose
from cxrbench.pictures import grid, save_png
from cxrbench.report.instructions import stage_command
from cxrbench.tasks.engine import start_backend

GRID_IMAGES = 64
BETWEEN = (4, 8)  # ways between two latents, and images along each


def sample_task(config: Config, backend: str, runs: Path = RUNS) -> RunFolder:
    """Write ``sample.count`` images of the newest checkpoint: one array, one PNG each, a grid of the first, and images
    on the way from one latent to another.

    Image i depends on ``sample.seed``, i and the batch size alone: the latents are the same on every backend.

    Raises:
        RunError: there is no checkpoint, or it is of other settings.
    """
    run = run_folder(config, backend, runs)
    run.read_manifest()
    checkpoint, refused = newest_checkpoint(run.checkpoints, config.training_fingerprint)
    for line in refused:
        print(f"passed over: {line}")
    if checkpoint is None:
        raise RunError(f"{run.checkpoints}: no checkpoint; train first: {stage_command(config, 'train', backend)}")

    engine = start_backend(config, run.compile_cache)
    gan = DCGAN(config, engine)
    load_checkpoint(run.checkpoints, checkpoint, gan)
    batch, count = config.train.batch_size, config.sample.count
    numbers = range(-(-count // batch))
    draw = engine.compile(
        build_sampler(gan, config, batch, config.sample.seed, Purpose.SAMPLES), gan.sampled.variables, len(numbers)
    )
    drawn = [
        ops.convert_to_numpy(draw(engine.to_device(np.int32(number))))[..., 0]
        for number in tqdm(numbers, desc=f"sample {backend}", unit="batch", dynamic_ncols=True)
    ]
    source = {
        "step": checkpoint.step,
        "checkpoint_sha256": checkpoint.sha256,
        "training_fingerprint": checkpoint.training_fingerprint,
        "seed": config.sample.seed,
        "count": count,
    }
    way = engine.compile(build_interpolator(gan, config, *BETWEEN, config.sample.seed), gan.sampled.variables, 1)
    between = ops.convert_to_numpy(way(engine.to_device(np.int32(0))))[..., 0]
    _write(run, np.concatenate(drawn)[:count], between, source)
    print(f"{run.samples}: {count} synthetic images of step {checkpoint.step}")
    return run


def _write(run: RunFolder, images: np.ndarray, between: np.ndarray, source: dict[str, Any]) -> None:
    """Write beside the old samples, then change places: an interrupted run never mixes two sets."""
    partial = run.samples.with_name("samples.partial")
    shutil.rmtree(partial, ignore_errors=True)
    (partial / "png").mkdir(parents=True)
    np.save(partial / run.sample_images.name, images)
    save_png(grid(images[:GRID_IMAGES]), partial / run.sample_grid.name)
    save_png(grid(between, BETWEEN[1]), partial / run.interpolation.name)
    for index, image in enumerate(tqdm(images, desc="write", unit="image", leave=False, dynamic_ncols=True)):
        save_png(image, partial / "png" / f"{index:06d}.png")
    write_json(partial / run.sample_manifest.name, source)
    shutil.rmtree(run.samples, ignore_errors=True)
    partial.rename(run.samples)
