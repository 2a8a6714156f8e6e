"""What the benchmarks of one backend share: the experiment, and its compiled step in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxrbench.config import Config
from cxrbench.configfile import load_config
from cxrbench.gan.dcgan import DCGAN, build_sampler
from cxrbench.gan.randomness import Purpose
from cxrbench.gan.step import build_step
from cxrbench.tasks.engine import start_backend

RESIDENT_BATCHES = 4  # on the host, as the input pipeline delivers them; its own speed is not measured here


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--experiment", type=Path, help="a resolved configuration in JSON; the smoke one without it")
    parser.addoption("--compile-cache", type=Path, help="where slow compilers keep their work; an empty folder")


class Bench:
    """The compiled training step and sampler of one backend, driven in blocks that end in a synchronisation."""

    def __init__(self, config: Config, cache: Path):
        self.config = config
        self.engine = start_backend(config, cache)
        gan = DCGAN(config, self.engine.upsampling)
        batch, size = config.train.batch_size, config.data.image_size
        self.step = self.engine.compile(build_step(gan, config, self.engine), gan.state, config.bench.assumed_steps)
        sampler = build_sampler(gan, config, batch, config.sample.seed, Purpose.SAMPLES)
        self.sampler = self.engine.compile(sampler, gan.generator.variables, config.sample.count // batch)
        shape = (RESIDENT_BATCHES, batch, size, size, 1)
        self.images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        self.done = 0

    def train(self, steps: int) -> Any:
        """Train ``steps`` steps and wait for the last; returns its metrics."""
        for _ in range(steps):
            images = self.engine.to_device(self.images[self.done % RESIDENT_BATCHES])
            metrics = self.step(images, self.engine.to_device(np.int32(self.done)))
            self.done += 1
        self.engine.synchronize(metrics)
        return metrics

    def sample(self, batches: int) -> Any:
        """Draw ``batches`` batches and wait for the last; returns it."""
        for number in range(batches):
            images = self.sampler(self.engine.to_device(np.int32(number)))
        self.engine.synchronize(images)
        return images


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    file = request.config.getoption("--experiment")
    config = Config.model_validate_json(file.read_text(encoding="utf-8")) if file else load_config("smoke")
    cache = request.config.getoption("--compile-cache") or tmp_path_factory.mktemp("compile-cache")
    return Bench(config, cache)
