"""What the processes of a benchmark left: one by one, and grouped by variant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from cxrbench.config import Config
from cxrbench.measure.statistics import Interval
from cxrbench.report.results import UNITS
from cxrbench.tasks.rotation import LIMIT, MEMORY, SPEED, Process
from cxrbench.variants import OURS


@dataclass(frozen=True)
class Raw:
    """One process, its settings, and the JSON it left (``failed`` in it where it did not end well)."""

    process: Process
    config: Config
    content: dict[str, Any]

    @property
    def failed(self) -> bool:
        return "failed" in self.content

    def has(self, test: str) -> bool:
        return any(entry["name"] == test for entry in self.content["benchmarks"])

    def seconds(self, test: str) -> list[float]:
        """What the rounds of one test took."""
        return self._entry(test)["stats"]["data"]

    def extra(self, test: str) -> dict[str, Any]:
        return self._entry(test)["extra_info"]

    def per(self, test: str, unit: str) -> list[float]:
        """Seconds per step or per image, one value per timed block."""
        return [seconds / self.extra(test)[unit] for seconds in self.seconds(test)]

    def _entry(self, test: str) -> dict[str, Any]:
        return next(entry for entry in self.content["benchmarks"] if entry["name"] == test)


@dataclass(frozen=True)
class Group:
    """The processes of one variant of one backend at one setting that ended well."""

    variant: str
    config: Config
    speed: list[Raw]
    memory: list[Raw]
    limit: list[Raw]

    @property
    def device(self) -> str:
        return self.speed[0].extra("test_step")["engine"]["device"]

    @property
    def blocks(self) -> list[list[float]]:
        """Seconds per step: by process, its timed blocks."""
        return [raw.per("test_step", "steps") for raw in self.speed]

    def record(self, metric: str, found: Interval | float, values: list[float] | None = None, n: int = 1) -> dict:
        """One figure; of one process it has no interval."""
        value, *ends = found if isinstance(found, tuple) else (found, math.nan, math.nan)
        low, high = (None if math.isnan(end) else end for end in ends)
        compute = self.config.compute
        return {
            "backend": self.speed[0].process.backend,
            "variant": self.variant,
            "device": self.device,
            "precision": "tf32" if compute.tf32 and compute.precision == "float32" else compute.precision,
            "image_size": self.config.data.image_size,
            "batch_size": self.config.train.batch_size,
            "metric": metric,
            "unit": UNITS[metric],
            "value": value,
            "ci_low": low,
            "ci_high": high,
            "n": len(values) if values else n,
            "values": values or [],
        }


def grouped(raws: list[Raw], backend: str) -> list[Group]:
    """By variant, in the order in which they were planned; one without a timed process is left out."""
    own = [raw for raw in raws if raw.process.backend == backend]
    names = dict.fromkeys(raw.process.variant for raw in own if raw.process.kind == SPEED)

    def of(kind: str, variant: str) -> list[Raw]:
        found = [raw for raw in own if (raw.process.kind, raw.process.variant) == (kind, variant)]
        return sorted(found, key=lambda raw: raw.process.repeat)

    return [
        Group(name, of(SPEED, name)[0].config, of(SPEED, name), of(MEMORY, name), of(LIMIT, name))
        for name in sorted(names, key=lambda name: (name != OURS, list(names).index(name)))
    ]
