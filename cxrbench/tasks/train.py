"""Train the DCGAN on one backend: from a packed data set to losses, sample grids and checkpoints."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from keras import ops
from tqdm import tqdm

from cxrbench.config import Config
from cxrbench.data.batches import batch_indices, batches
from cxrbench.data.dataset import Dataset
from cxrbench.errors import RunError
from cxrbench.folders import RUNS, RunFolder, run_folder, write_json
from cxrbench.gan.checkpoints import Checkpoint, load_checkpoint, newest_checkpoint, prune_checkpoints, save_checkpoint
from cxrbench.gan.dcgan import DCGAN, build_sampler
from cxrbench.gan.randomness import Purpose
from cxrbench.gan.step import build_step
from cxrbench.measure import machine
from cxrbench.pictures import grid, save_png
from cxrbench.tasks.engine import start_backend
from cxrbench.tasks.losses import LossLog, open_loss_log
from cxrbench.tasks.progress import Progress
from cxrbench.tasks.sessions import Session, opened, reached, restored
from cxrbench.tasks.stopping import stop_request

GRID_IMAGES = 36
SPENT = 10  # half-lives, after which a learning rate is below a thousandth of what it was
PROGRESS_GRIDS = 7  # as many images as quality is measured on while training


def train_task(config: Config, backend: str, dataset_folder: Path, fresh: bool = False, runs: Path = RUNS) -> RunFolder:
    """Train, or go on where an interrupted run of the same settings stopped.

    Args:
        dataset_folder: what ``prepare`` wrote.
        fresh: delete an earlier run of this name and backend first.

    Raises:
        DataError: the data set is damaged, or smaller than a batch.
        RunError: the folder holds a run of other settings or data, or a loss is not finite.
    """
    run = run_folder(config, backend, runs)
    dataset = Dataset.open(dataset_folder)
    dataset.verify()
    batch_indices(config.train.seed, 0, len(dataset.train), config.train.batch_size)  # refuses too few images
    engine = start_backend(config, run.compile_cache)
    if fresh:  # only now, when nothing can refuse the new run any more
        _remove_training(run)
    _refuse_other_experiment(run, config, dataset)
    Training(config, backend, engine, dataset, run).run()
    return run


class Training:
    """One run: the state, the compiled step, and what is written on the way."""

    def __init__(self, config: Config, backend: str, engine: ModuleType, dataset: Dataset, run: RunFolder):
        self.config, self.backend, self.engine, self.dataset, self.run_folder = config, backend, engine, dataset, run
        self.steps_per_epoch = len(dataset.train) // config.train.batch_size
        self.total_steps = self.steps_per_epoch * config.train.epochs
        self.gan = DCGAN(config, engine)
        self.step = engine.compile(build_step(self.gan, config, engine), self.gan.state, self.total_steps)
        fixed = build_sampler(self.gan, config, GRID_IMAGES, config.train.seed, Purpose.GRID)
        self.draw_grid = engine.compile(
            fixed, self.gan.sampled.variables, config.train.epochs // config.train.grid_every
        )
        self.seconds = 0.0  # of training, over all sessions of this run
        self.progress_seconds = 0.0  # of sample grids and the measuring of quality, not among those of training
        self.shown_at = 0.0
        self.began = self.started = datetime.now(UTC).isoformat(timespec="seconds")  # this session; the run
        self.origin = machine.origin()  # now: what is committed while it trains is not what trains
        self.sessions: list[Session] = []  # the last of them is being trained

    def run(self) -> None:
        first = self._restore()
        if first >= self.total_steps:
            print(f"{self.run_folder.path}: already trained for {first} steps; --fresh trains anew, "
                  "a larger train.epochs goes on")  # fmt: skip
            if not self._is_finished():
                self._finish(first)  # a kill came between the last checkpoint and the end
            return
        self._say_where_learning_ends()
        facts = {"started": self.began, "backend": self.backend, "device": self.engine.device(), **self.origin}
        self.sessions.append(opened(first, facts))
        self._write_manifest("running", first)
        with stop_request() as stopped:
            done = self._steps(first, stopped)
        if done < self.total_steps:
            self._write_manifest("stopped", done)
            raise KeyboardInterrupt(f"stopped after step {done}; the same command goes on from there")
        self._finish(done)

    def _say_where_learning_ends(self) -> None:
        """A half-life that suits a small set ends the learning on a large one long before the last step."""
        half_life = self.config.optimizer.half_life
        end = SPENT * half_life
        if 0 < end < self.total_steps:
            print(
                f"train: optimizer.half_life = {half_life:,}: from step {end:,} of {self.total_steps:,} on the "
                "learning rates are below a thousandth of the first; raise it, or lower train.epochs"
            )

    def _is_finished(self) -> bool:
        files = self.run_folder.generator.exists() and self.run_folder.manifest.exists()
        return files and self.run_folder.read_manifest()["status"] == "finished"

    def _finish(self, done: int) -> None:
        """What a finished run has beside its checkpoints."""
        partial = self.run_folder.generator.with_name("partial.keras")
        self.gan.sampled.save(partial)
        os.replace(partial, self.run_folder.generator)
        self._write_manifest("finished", done)

    def _steps(self, first: int, stopped: Callable[[], bool]) -> int:
        """Train from step ``first`` on; returns the number of steps that are done and saved."""
        train = self.config.train
        source = batches(self.dataset.train, train.batch_size, train.seed, first)
        bar = tqdm(total=self.total_steps, initial=first, desc=f"train {self.backend}", unit="step", dynamic_ncols=True)
        bar.set_postfix_str("compiling the step")
        progress = Progress(self.config, self.dataset, self.run_folder, GRID_IMAGES * PROGRESS_GRIDS, first)
        started = self.shown_at = time.monotonic()
        with closing(source), open_loss_log(self.run_folder.losses, first, self.steps_per_epoch) as log, bar:
            for step in range(first, self.total_steps):
                images = self.engine.to_device(next(source))
                fetch = log.add(step, self.step(images, self.engine.to_device(np.int32(step))))
                done = step + 1
                epoch, inside = divmod(done, self.steps_per_epoch)
                stopping = stopped()
                due = {
                    "checkpoint": stopping or done == self.total_steps or _due(epoch, inside, train.checkpoint_every),
                    "grid": done == self.total_steps or _due(epoch, inside, train.grid_every),
                }
                if fetch or any(due.values()):
                    self._fetch(log, step)
                    self._show(bar, done, log.latest)
                if due["grid"]:
                    paused = time.monotonic()
                    self._write_grid(progress, done, epoch, self.seconds + paused - started)
                    started += (cost := time.monotonic() - paused)
                    self.progress_seconds += cost
                if due["checkpoint"]:
                    self.seconds += time.monotonic() - started
                    started = time.monotonic()
                    self._save(done)
                if stopping:
                    return done
        return self.total_steps

    def _fetch(self, log: LossLog, step: int) -> None:
        try:
            log.fetch()
        except RunError as error:
            self._write_manifest("failed", step)
            good, _ = newest_checkpoint(self.run_folder.checkpoints, self.config.training_fingerprint)
            raise RunError(
                f"{self.run_folder.path}: {error}; the run is stopped. Last good checkpoint: "
                f"{good.file_name if good else 'none yet'}. "
                "Lower optimizer.learning_rate, and pass --fresh to train anew"
            ) from None

    def _show(self, bar: tqdm, done: int, latest: dict[str, float]) -> None:
        shown_at, self.shown_at = self.shown_at, time.monotonic()
        speed = (done - bar.n) * self.config.train.batch_size / (self.shown_at - shown_at)
        bar.update(done - bar.n)
        bar.set_postfix_str(f"d_loss {latest['d_loss']:.3f}, g_loss {latest['g_loss']:.3f}, {speed:.0f} images/s")

    def _write_grid(self, progress: Progress, done: int, epoch: int, seconds: float) -> None:
        """A picture of the first images at fixed latents, and how near these and some more are to real ones."""
        wanted = range(-(-progress.count // GRID_IMAGES))
        drawn = [ops.convert_to_numpy(self.draw_grid(self.engine.to_device(np.int32(n))))[..., 0] for n in wanted]
        self.run_folder.grids.mkdir(parents=True, exist_ok=True)
        save_png(grid(drawn[0]), self.run_folder.grids / f"epoch-{epoch:05d}.png")
        progress.add(np.concatenate(drawn), done, epoch, seconds)

    def _save(self, done: int) -> None:
        identity = (self.config.training_fingerprint, self.dataset.fingerprint, self.backend)
        spent = (round(self.seconds, 3), round(self.progress_seconds, 3))
        try:
            save_checkpoint(self.run_folder.checkpoints, self.gan, done, *identity, *spent)
        except RunError:
            self._write_manifest("failed", done)
            raise
        self._write_manifest("running", done)  # a killed run says how far it is saved
        prune_checkpoints(self.run_folder.checkpoints, self.config.train.keep_checkpoints)

    def _restore(self) -> int:
        """Load the newest intact checkpoint, if any; returns the step to go on from."""
        checkpoint, refused = newest_checkpoint(self.run_folder.checkpoints, self.config.training_fingerprint)
        for line in refused:
            print(f"passed over: {line}")
        if checkpoint is None:
            return 0
        if checkpoint.data_fingerprint != self.dataset.fingerprint:
            raise RunError(
                f"{self.run_folder.checkpoints / checkpoint.file_name}: trained on data {checkpoint.data_fingerprint}, "
                f"not {self.dataset.fingerprint}; give it that data set, or --fresh to train anew"
            )
        load_checkpoint(self.run_folder.checkpoints, checkpoint, self.gan)
        earlier = self.run_folder.read_manifest() if self.run_folder.manifest.exists() else {}
        self.started = earlier.get("started", self.started)
        self.seconds, self.progress_seconds = _spent(checkpoint, earlier)
        self.sessions = restored(earlier, checkpoint.step, self.seconds)
        print(f"{self.run_folder.path}: going on after step {checkpoint.step}")
        return checkpoint.step

    def _write_manifest(self, status: str, steps: int) -> None:
        config = self.config
        write_json(
            self.run_folder.manifest,
            {
                "backend": self.backend,
                "status": status,
                "started": self.started,
                "config": config.model_dump(mode="json"),
                "config_fingerprint": config.fingerprint,
                "training_fingerprint": config.training_fingerprint,
                "dataset": self.dataset.folder.name,
                "data_fingerprint": self.dataset.fingerprint,
                "images": {"train": len(self.dataset.train), "test": len(self.dataset.test)},
                "attribution": self.dataset.attribution,
                **self.origin,
                "engine": self.engine.describe(self.total_steps),
                "device": self.engine.device(),
                "precision": config.compute.precision,
                "seeds": {"train": config.train.seed, "sample": config.sample.seed, "data": config.data.seed},
                "steps": steps,
                "epochs": steps // self.steps_per_epoch,
                "train_seconds": round(self.seconds, 3),
                "progress_seconds": round(self.progress_seconds, 3),
                "sessions": reached(self.sessions, steps, self.seconds),
            },
        )


def _remove_training(run: RunFolder) -> None:
    """Delete all that training and what follows it wrote; benchmarks and compiled code stay."""
    for folder in (run.checkpoints, run.grids, run.drawn(0).parent, run.samples):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (run.manifest, run.losses, run.progress, run.generator, run.evaluation):
        file.unlink(missing_ok=True)


def _spent(checkpoint: Checkpoint, manifest: dict[str, Any]) -> tuple[float, float]:
    """The seconds of training and of grids up to a checkpoint.

    They are those of its note: a manifest may be of another step, or gone. It stands in where the note is of an earlier
    version, which has none.
    """
    if checkpoint.train_seconds is None or checkpoint.progress_seconds is None:
        return manifest.get("train_seconds", 0.0), manifest.get("progress_seconds", 0.0)
    return checkpoint.train_seconds, checkpoint.progress_seconds


def _due(epoch: int, inside: int, every: int) -> bool:
    return inside == 0 and epoch % every == 0


def _refuse_other_experiment(run: RunFolder, config: Config, dataset: Dataset) -> None:
    if not run.manifest.exists():
        return
    earlier = run.read_manifest()
    ours = {"training_fingerprint": config.training_fingerprint, "data_fingerprint": dataset.fingerprint}
    for key, value in ours.items():
        if earlier.get(key) != value:
            raise RunError(
                f"{run.path}: holds a run with another {key} ({earlier.get(key)}, not {value}); "
                "pass --fresh to replace it, or --set name=another to keep both"
            )
