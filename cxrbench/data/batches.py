"""Packed images to batches: the same order for every engine, from any step on, read ahead in a thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from cxrbench.errors import DataError

AHEAD = 3  # batches that wait ready
PATIENCE = 0.1  # seconds between two looks at whether the consumer has gone

Batch = NDArray[np.uint8]


def batch_indices(seed: int, epoch: int, n: int, batch_size: int) -> NDArray[np.intp]:
    """The order of one epoch: (n // batch_size, batch_size) indices, none twice; a last incomplete batch is dropped.

    The order is that of raw Philox words keyed by seed and epoch, which NumPy promises never to change, and depends
    on nothing else.

    Raises:
        DataError: there are fewer images than one batch needs.
    """
    if n < batch_size:
        raise DataError(f"train.batch_size: {batch_size} is more than the {n} training images; lower it or add images")
    words = np.random.Philox(key=np.array([seed, epoch], dtype=np.uint64)).random_raw(n)
    steps = n // batch_size
    return np.argsort(words, kind="stable")[: steps * batch_size].reshape(steps, batch_size)


def batches(images: NDArray[np.uint8], batch_size: int, seed: int, first_step: int = 0) -> Generator[Batch, None, None]:
    """An endless stream of shuffled batches, exactly as an uninterrupted one has them from ``first_step`` on.

    Args:
        images: (n, height, width) uint8, mapped or in memory.
        first_step: the global step of the first batch, counted over all epochs.

    Yields:
        contiguous (batch_size, height, width, 1) uint8 arrays, each one new. Close the generator to end its thread.

    Raises:
        DataError: there are fewer images than one batch needs.
    """
    steps = len(batch_indices(seed, 0, len(images), batch_size))  # fails here, not at the first batch
    return _read_ahead(_endless(images, batch_size, seed, first_step, steps))


def _endless(
    images: NDArray[np.uint8], batch_size: int, seed: int, first_step: int, steps: int
) -> Generator[Batch, None, None]:
    epoch, skip = divmod(first_step, steps)
    while True:
        for chosen in batch_indices(seed, epoch, len(images), batch_size)[skip:]:
            batch = images[chosen]
            # Reshaped rather than indexed with a new axis, whose stride would be 0: an engine that caches what
            # it compiled by strides would compile again for it.
            yield batch.reshape(*batch.shape, 1)
        epoch, skip = epoch + 1, 0


def _read_ahead(source: Generator[Batch, None, None]) -> Generator[Batch, None, None]:
    """Run a generator in a thread, at most AHEAD items before the consumer; its errors reach the consumer."""
    ready: queue.Queue[Batch | BaseException] = queue.Queue(AHEAD)
    gone = threading.Event()

    def offer(item: Batch | BaseException) -> None:
        while not gone.is_set():
            try:
                return ready.put(item, timeout=PATIENCE)
            except queue.Full:
                continue

    def fill() -> None:
        try:
            for batch in source:
                offer(batch)
                if gone.is_set():
                    return
        except BaseException as error:  # whatever it is, the consumer must hear of it instead of waiting for ever
            offer(error)

    thread = threading.Thread(target=fill, name="cxrbench-batches", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        gone.set()
        thread.join()
