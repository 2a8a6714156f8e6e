"""One training of a twin on the backend of this process, whose state can be looked at between any two steps."""

from __future__ import annotations

from contextlib import closing
from types import ModuleType
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from tqdm import tqdm

from cxrbench.config import Config
from cxrbench.data.batches import batches
from cxrbench.data.dataset import Dataset
from cxrbench.gan.dcgan import DCGAN, build_sampler
from cxrbench.gan.layers import Forms
from cxrbench.gan.randomness import Purpose
from cxrbench.gan.step import build_step
from cxrbench.parity.bounds import FIRST_STEPS

SAMPLES = 64
Arrays = dict[str, NDArray[Any]]


class Session:
    """The DCGAN and its compiled step, from initial weights on."""

    def __init__(self, config: Config, engine: ModuleType, dataset: Dataset, forms: Forms | None = None):
        self.config, self.engine, self.dataset = config, engine, dataset
        self.gan = DCGAN(config, forms or engine)
        self.step = engine.compile(build_step(self.gan, config, engine), self.gan.state, calls(config))
        sampler = build_sampler(self.gan, config, SAMPLES, config.sample.seed, Purpose.SAMPLES)
        self.draw = engine.compile(sampler, self.gan.sampled.variables, 1)

    def train(self, first: int, last: int, title: str) -> NDArray[Any]:
        """Steps ``first`` to ``last - 1``; returns their metrics, (last - first, 5)."""
        train = self.config.train
        rows = []
        with closing(batches(self.dataset.train, train.batch_size, train.seed, first)) as source:
            for number in tqdm(range(first, last), desc=title, unit="step", leave=False, mininterval=0.5):
                rows.append(self.step(self.engine.to_device(next(source)), self.engine.to_device(np.int32(number))))
        return np.array([ops.convert_to_numpy(row) for row in rows])

    def state(self) -> Arrays:
        """Weights, moving statistics, Adam's slots and update counts."""
        named = {name: ops.convert_to_numpy(variable.value) for name, variable in self.gan.named_state.items()}
        # Counts have each engine's own integer type; hashes of the state must not depend on it.
        return {
            name: value.copy() if value.dtype.kind == "f" else value.astype(np.int64) for name, value in named.items()
        }

    def sample(self) -> NDArray[np.uint8]:
        """(SAMPLES, H, W, 1), of the sampling seed's first latents."""
        return ops.convert_to_numpy(self.draw(self.engine.to_device(np.int32(0))))


def calls(config: Config) -> int:
    """How often the step is said to be called, which decides how an engine compiles it.

    In float32 as for the benchmark, so that what is timed is what was proven; float64 is never timed.
    """
    return config.bench.assumed_steps if config.compute.precision == "float32" else config.parity.float64_steps


def steps(config: Config) -> int:
    """How long a twin is trained."""
    sizes = config.parity
    return sizes.float32_steps if config.compute.precision == "float32" else sizes.float64_steps


def first_steps(config: Config) -> int:
    """How many steps are compared in float32: before training is chaotic, and before the checkpoint."""
    return min(FIRST_STEPS, steps(config) // 2)


def to_numpy(tensors: Any) -> Any:
    """A structure of tensors as the same structure of arrays."""
    return keras.tree.map_structure(ops.convert_to_numpy, tensors)
