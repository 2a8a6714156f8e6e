"""The long part of preparing: many images to rows of one array file, over all cores, resumable at any moment.

Workers write pixel rows straight into the file; the parent notes each finished row in a journal, with a checksum.
After an interruption a row counts as done only if it still matches its checksum, so even rows that a power cut
lost are drawn again. The place of a row depends on the item alone, never on which worker was faster.
"""

from __future__ import annotations

import errno
import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from cxrbench.config import DataConfig
from cxrbench.data.decode import to_square
from cxrbench.data.items import Item
from cxrbench.errors import DataError

JOURNAL = "journal.bin"  # one 64-bit word per row: 0 = to do, otherwise DONE | CRC-32 of the row
DONE = 1 << 32
CHUNK = 16  # images per task: large enough to hide the messages, small enough to lose nothing that matters
CHUNKS_PER_WORKER = 4  # under this a worker costs more to start than it saves

Read = Callable[[Item, DataConfig, Path | None], Image.Image]
Numbered = tuple[int, Item]


@dataclass(frozen=True)
class Row:
    """What became of one item: the checksum of its pixels, or why it has none."""

    index: int
    checksum: int = 0
    fault: str = ""


def pack(
    items: tuple[Item, ...],
    read: Read,
    config: DataConfig,
    data_dir: Path | None,
    file: Path,
    workers: int | None,
    progress: bool,
    bad_allowed: int,
) -> dict[int, str]:
    """Fill ``file`` with one (size, size) uint8 row per item, going on from wherever it was left.

    Args:
        file: the ``.npy`` file; its journal lies beside it.
        workers: processes; ``None`` takes one per core, 1 works in this process.
        bad_allowed: the first faulty item beyond this number ends the work.

    Returns:
        The faulty items, by index, with the reason. Their rows are undefined.

    Raises:
        DataError: a worker process died.
        OSError: the file cannot be written.
    """
    rows, journal = _open(file, len(items), config.image_size)
    todo = _unfinished(rows, journal, progress)
    place = rows.offset
    del rows  # from here on rows are written with pwrite, where a full disk is an error and not a crash
    job = _Job(read, config, data_dir, file, place)
    chunks = [[(int(i), items[i]) for i in todo[start : start + CHUNK]] for start in range(0, len(todo), CHUNK)]
    workers = min(workers or _cores(), math.ceil(len(chunks) / CHUNKS_PER_WORKER))

    faults: dict[int, str] = {}
    done = len(items) - len(todo)
    with tqdm(total=len(items), initial=done, desc="prepare", unit="img", disable=not progress) as bar:
        for row in _run(job, chunks, workers):
            bar.update()
            if row.fault:
                faults[row.index] = row.fault
                if len(faults) > bad_allowed:
                    break
            else:
                journal[row.index] = DONE | row.checksum
    journal.flush()
    return faults


def _open(file: Path, count: int, size: int) -> tuple[np.memmap, np.memmap]:
    """The array file and its journal, made anew unless both are there and fit."""
    shape = (count, size, size)
    journal = file.with_name(JOURNAL)
    try:
        rows = open_memmap(file, mode="r")
        fits = rows.shape == shape and rows.dtype == np.uint8 and journal.stat().st_size == 8 * count
    except (OSError, ValueError):
        fits = False
    if not fits:
        journal.unlink(missing_ok=True)
        rows = open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
        rows.flush()
        blank = journal.with_suffix(".new")
        np.zeros(count, np.uint64).tofile(blank)
        os.replace(blank, journal)  # a journal that exists has an array that fits
    return rows, np.memmap(journal, np.uint64, "r+")


def _unfinished(rows: np.memmap, journal: np.memmap, progress: bool) -> NDArray[np.intp]:
    """The rows still to do: never done, or not what the journal says they are."""
    done = np.flatnonzero(journal)
    for index in tqdm(done, desc="check", unit="img", disable=not progress or len(done) == 0, leave=False):
        if journal[index] != DONE | zlib.crc32(rows[index]):
            journal[index] = 0
    return np.flatnonzero(journal == 0)


@dataclass(frozen=True)
class _Job:
    """What a worker needs to turn items into rows."""

    read: Read
    config: DataConfig
    data_dir: Path | None
    file: Path
    place: int  # where the first row begins in the file, in bytes

    def __call__(self, chunk: list[Numbered]) -> list[Row]:
        handle = os.open(self.file, os.O_WRONLY)
        try:
            return [self._row(handle, index, item) for index, item in chunk]
        finally:
            os.close(handle)

    def _row(self, handle: int, index: int, item: Item) -> Row:
        size = self.config.image_size
        try:
            image = self.read(item, self.config, self.data_dir)
            pixels = to_square(image, size, self.config.equalize, self.config.fit).tobytes()
        except DataError as error:
            return Row(index, fault=str(error))
        if os.pwrite(handle, pixels, self.place + index * size * size) != len(pixels):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return Row(index, zlib.crc32(pixels))


def _run(job: _Job, chunks: list[list[Numbered]], workers: int) -> Iterator[Row]:
    if workers <= 1:
        for chunk in chunks:
            yield from job(chunk)
        return
    # Spawned, not forked: the caller may hold threads, and a forked copy of their locks would hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin_worker)
    try:
        for rows in pool.map(job, chunks):
            yield from rows
    except BrokenProcessPool:
        raise DataError(
            f"{job.file}: a worker process died, perhaps for want of memory; run it again with fewer workers, "
            "it goes on where it stopped"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    """Ctrl-C is the parent's to handle; and when the parent is killed, its workers go too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
