"""Energy that the GPU and the processor used, from the machine's own counters."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from cxrbench.measure import nvidia

POWERCAP = Path("/sys/class/powercap")


class Energy(NamedTuple):
    """Joules of each part ("gpu 0", "cpu package-0"), and in plain words what could not be read, else None."""

    joules: dict[str, float]
    reason: str | None


class _Counter(NamedTuple):
    part: str
    read: Callable[[], float | None]  # joules since some moment in the past; None if it does not answer
    span: float = 0.0  # joules after which it starts again from zero; 0 if it never does


class EnergyMeter:
    """Measures the energy used while its block runs; `energy` holds the result afterwards.

    A GPU's counter comes from NVML, a processor's package from RAPL, which Intel and AMD both have under
    /sys/class/powercap. They count all that the part did, for whomever: measure on a quiet machine. Measure for
    seconds, since a GPU's counter moves some ten times a second, and for minutes at most: RAPL's starts again from
    zero after some kilojoules (`max_energy_range_uj`), and only one such round can be made good.
    """

    energy: Energy

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._powercap = powercap

    def __enter__(self) -> EnergyMeter:
        self._reasons: list[str] = []
        # The driver may forget its count when nobody holds it open, so the meter does.
        self._driver = ExitStack()
        gpus = self._driver.enter_context(nvidia.visible_gpus())
        counters = [*self._gpu_counters(gpus), *self._cpu_counters()]
        self._started = [(counter, counter.read()) for counter in counters]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        spans = [(counter, start, counter.read()) for counter, start in self._started]
        self._driver.close()
        joules = {}
        for counter, start, end in spans:
            used = None if start is None or end is None else _used(start, end, counter.span)
            if used is None:
                self._miss(counter.part, "its counter stopped or started again meanwhile")
            else:
                joules[counter.part] = used
        self.energy = Energy(joules, "; ".join(self._reasons) or None)

    def _gpu_counters(self, gpus: list[nvidia.Gpu]) -> list[_Counter]:
        counters = []
        for gpu in gpus:
            part = f"gpu {gpu.number}"
            if nvidia.is_divided(gpu):
                self._miss(part, "the GPU is divided (MIG), and its counter covers all parts")
            elif nvidia.joules(gpu) is None:
                self._miss(part, "the GPU has no energy counter (Volta and later ones do)")
            else:
                counters.append(_Counter(part, partial(nvidia.joules, gpu)))
        return counters

    def _cpu_counters(self) -> list[_Counter]:
        counters = []
        # Other domains are parts of a package (core, dram) or cover the packages once more (psys).
        named = [
            (domain, (domain / "name").read_text().strip()) for domain in sorted(self._powercap.glob("intel-rapl:*"))
        ]
        packages = [(domain, name) for domain, name in named if name.startswith("package")]
        for domain, name in packages:
            part, counter = f"cpu {name}", domain / "energy_uj"
            try:
                counter.read_text()
                span = int((domain / "max_energy_range_uj").read_text()) / 1e6
            except PermissionError:
                way_out = f"`sudo chmod a+r {counter}` opens it until the next start"
                self._miss(part, f"{counter} is readable by root alone ({way_out})")
            except OSError:
                self._miss(part, f"{counter} gives no value")
            else:
                counters.append(_Counter(part, partial(_rapl_joules, counter), span))
        if not packages:
            self._miss("cpu", f"{self._powercap} has no energy counter (a virtual machine often has none)")
        return counters

    def _miss(self, part: str, why: str) -> None:
        self._reasons.append(f"{part}: not readable here: {why}")


def _rapl_joules(counter: Path) -> float | None:
    try:
        return int(counter.read_text()) / 1e6
    except OSError:
        return None


def _used(start: float, end: float, span: float) -> float | None:
    """Difference of two readings of a counter that may have started again from zero once."""
    if end >= start:
        return end - start
    return end + span - start if span else None
