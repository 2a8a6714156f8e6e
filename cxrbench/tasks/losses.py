"""The losses of a run: kept on the device, fetched now and then, appended to a CSV file."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keras import ops

from cxrbench.errors import RunError
from cxrbench.folders import LOSS_COLUMNS, write_atomically
from cxrbench.gan.step import METRICS

FETCH_SECONDS = 1.0  # between two waits for the device: rare enough to cost nothing, often enough to look at


class LossLog:
    """Collects one tensor of ``METRICS`` per step; ``fetch`` waits for them and writes the rows."""

    def __init__(self, file: Path, steps_per_epoch: int):
        self._writer = csv.writer(stream := file.open("a", newline="", encoding="utf-8"), lineterminator="\n")
        self._stream = stream
        self._steps_per_epoch = steps_per_epoch
        self._waiting: list[tuple[int, Any]] = []
        self._fetched_at = time.monotonic()
        self.latest: dict[str, float] = {}

    def add(self, step: int, metrics: Any) -> bool:
        """Keep a step's tensor; true when it is time to fetch."""
        self._waiting.append((step, metrics))
        return time.monotonic() - self._fetched_at > FETCH_SECONDS

    def fetch(self) -> None:
        """Write all waiting rows.

        Raises:
            RunError: a loss is not finite.
        """
        waiting, self._waiting = self._waiting, []
        for step, metrics in waiting:
            values = [float(value) for value in ops.convert_to_numpy(metrics)]
            self._writer.writerow([step, step // self._steps_per_epoch, *(f"{value:.9g}" for value in values)])
            self.latest = dict(zip(METRICS, values, strict=True))
            for name, value in self.latest.items():
                if not math.isfinite(value):
                    self._stream.flush()
                    raise RunError(f"{name} is {value} at step {step}")
        self._stream.flush()
        self._fetched_at = time.monotonic()

    def close(self) -> None:
        self._stream.close()


@contextmanager
def open_loss_log(file: Path, first_step: int, steps_per_epoch: int) -> Iterator[LossLog]:
    """A log that goes on at ``first_step``: rows that an interrupted run wrote past it are dropped."""
    rows = []
    if file.exists() and first_step:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.reader(stream) if row and row[0].isdigit() and int(row[0]) < first_step]
    lines = [",".join(row) for row in [list(LOSS_COLUMNS), *rows]]
    write_atomically(file, "\n".join(lines) + "\n")
    log = LossLog(file, steps_per_epoch)
    try:
        yield log
    finally:
        log.close()
