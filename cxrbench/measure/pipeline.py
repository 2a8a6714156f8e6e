"""How fast images become batches: decoded against prepared, memory of a preparation, a large file read shuffled."""

from __future__ import annotations

import os
import subprocess
import time
import zlib
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from cxrbench.config import DataConfig
from cxrbench.data import nih
from cxrbench.data.batches import batches
from cxrbench.data.decode import to_square
from cxrbench.data.items import Item
from cxrbench.measure.memory import resident

ROUNDS = 3
POLLING = 0.05  # seconds between two looks at the memory of a preparation
BLOCK = 2**26  # bytes that a large file is written by


@dataclass(frozen=True)
class Decoding:
    """Seconds per image on one core: the file decoded and nothing else, and all that preparing does with it."""

    images: int
    decode: float
    prepare: float


@dataclass(frozen=True)
class Preparing:
    """A whole preparation: images, seconds, and the most memory of all of its processes together, in bytes."""

    images: int
    seconds: float
    peak_memory: int


@dataclass(frozen=True)
class Reading:
    """Batches of a large file in shuffled order.

    ``cold`` and ``warm`` are images per second from the disk and from the system's cache; ``growth`` is the resident
    memory, without mapped files, that reading added, in bytes; ``waiting`` the share of a step for which a consumer of
    ``step_time`` seconds waits for its next batch.
    """

    file_bytes: int
    cold: float
    warm: float
    growth: int
    step_time: float
    waiting: float


def decoding(items: Sequence[Item], config: DataConfig, data_dir: Path) -> Decoding:
    """Decode and prepare every image by turns, ROUNDS times; of each the median of its rounds counts."""
    seconds = np.empty((ROUNDS, len(items), 2))
    for turn in seconds:
        for own, item in zip(turn, items, strict=True):
            started = time.perf_counter()
            with Image.open(data_dir / item.path) as image:
                image.load()
            decoded = time.perf_counter()
            gray = nih.read(item, config, data_dir)
            zlib.crc32(to_square(gray, config.image_size, config.equalize, config.fit).tobytes())
            own[:] = decoded - started, time.perf_counter() - decoded
    decode, prepare = np.median(seconds, axis=0).mean(axis=0)
    return Decoding(len(items), float(decode), float(prepare))


def preparing(command: Sequence[str], images: int, folder: Path) -> Preparing:
    """Run a command that prepares so many images, within a folder, and look at the memory of its processes.

    Raises:
        CalledProcessError: it failed.
    """
    started, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=folder) as process:
        while process.poll() is None:
            peak = max(peak, _own_memory(process.pid))
            time.sleep(POLLING)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Preparing(images, time.perf_counter() - started, peak)


def reading(file: Path, count: int, size: int, batch_size: int, seconds: float, step_time: float) -> Reading:
    """Write a file of ``count`` images of ``size`` x ``size`` and read shuffled batches of it, ``seconds`` each way."""
    _write(file, count, size)
    images = np.lib.format.open_memmap(file, mode="r")
    _forget(file)
    cold = _rate(images, batch_size, seconds, seed=0)
    for start in range(0, count, batch_size):  # into the cache, as far as it holds
        images[start : start + batch_size].max()
    before = _anonymous()
    warm = _rate(images, batch_size, seconds, seed=1)
    grown = _anonymous() - before
    waiting = _waiting(images, batch_size, seconds, step_time)
    return Reading(file.stat().st_size, cold, warm, grown, step_time, waiting)


def _write(file: Path, count: int, size: int) -> None:
    images = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(count, size, size))
    place, total = images.offset, images.nbytes
    del images
    noise = np.random.default_rng(0).bytes(BLOCK)
    with file.open("r+b") as stream:
        stream.seek(place)
        for start in range(0, total, BLOCK):
            stream.write(noise[: total - start])
        os.fsync(stream.fileno())


def _forget(file: Path) -> None:
    """Ask the system to drop what it has cached of a file."""
    with file.open("rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _rate(images: np.memmap, batch_size: int, seconds: float, seed: int) -> float:
    read, started = 0, time.perf_counter()
    with closing(batches(images, batch_size, seed)) as source:
        while (took := time.perf_counter() - started) < seconds:
            read += len(next(source))
    return read / took


def _waiting(images: np.memmap, batch_size: int, seconds: float, step_time: float) -> float:
    """A step that only sleeps: what it waits for beyond that is the pipeline's."""
    waited = 0.0
    steps = max(1, round(seconds / step_time))
    with closing(batches(images, batch_size, seed=2)) as source:
        next(source)  # the first comes when the order was drawn
        for _ in range(steps):
            time.sleep(step_time)
            started = time.perf_counter()
            next(source)
            waited += time.perf_counter() - started
    return waited / (steps * step_time)


def _anonymous() -> int:
    """Memory of this process that is no mapped file, in bytes."""
    return resident() - psutil.Process().memory_info().shared


def _own_memory(pid: int) -> int:
    """The same of a process and all that it started."""
    total = 0
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for one in (parent, *parent.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                memory = one.memory_info()
                total += memory.rss - memory.shared
    return total
