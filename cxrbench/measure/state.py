"""What else the machine is doing, before and after a measurement, and whether that is a reason for doubt."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from cxrbench.measure import nvidia

ROOT = Path("/")  # where /proc and /sys are
SAMPLE = 0.5  # seconds in which the others' use of the CPU is watched
BURST = 0.1  # seconds of work before a core's clock is read
CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu-thermal")

# From where on a concern is said.
OTHERS_PERCENT, OTHERS_PER_CPU = 20.0, 2.0  # of one CPU; and for each CPU, by which the kernel's two accounts differ
LOAD_PER_CPU = 0.5
CLOCK_LOSS = 0.1  # share of the clock before
SLOWED_SHARE = 0.01  # of the time between
STEAL_SHARE, STEAL_SECONDS = 0.02, 0.1  # of the CPU time that was asked for; less than so many seconds is noise
SWAPPED_BYTES = 16 * 2**20


def snapshot(root: Path = ROOT) -> dict[str, Any]:
    """The machine's state now, ready for JSON; None for what cannot be read here. Takes 0.6 s.

    Take it while nothing of ours computes, and both of a pair in one process. Counters (``*_seconds``,
    ``swapped_bytes``, ``heat_throttles``) run from some moment in the past: their growth between two snapshots is
    what counts. Names and ids of processes are not in it.
    """
    others = _others_percent()
    cpus = _usable_cpus()
    return {
        "clock_seconds": time.monotonic(),
        "machine_cpus": psutil.cpu_count(),
        "usable_cpus": len(cpus),
        "load": psutil.getloadavg()[0],  # mean of the last minute
        "others_percent": others,  # of one CPU
        "busy_seconds": _busy_seconds(cpus),
        "own_seconds": _own_seconds(),
        "steal_seconds": sum(getattr(cpu, "steal", 0.0) for cpu in cpus),
        "clock_mhz": _clock(),
        "governor": _text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "temperature_celsius": _temperature(),
        "heat_throttles": _heat_throttles(root),
        "memory_available_bytes": psutil.virtual_memory().available,
        **_swap(),
        "quota": _quota(root),
        "gpus": _gpus(),
    }


def concerns(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What two snapshots, around a measurement, give reason to doubt: each in plain words, with the way out."""
    return [*_company(before, after), *_processor(before, after), *_memory(before, after), *_graphics(before, after)]


def _company(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    during = _growth(before, after, "busy_seconds") - _growth(before, after, "own_seconds")
    mean = 100.0 * during / max(_growth(before, after, "clock_seconds"), SAMPLE)
    others = max(mean, before["others_percent"], after["others_percent"])
    if others > OTHERS_PERCENT + OTHERS_PER_CPU * before["usable_cpus"]:
        yield f"other processes used {others:.0f} % of a CPU: stop them and measure again"
    # What we computed ourselves in the last minute is at most all that we ever did.
    load = before["load"] - before["own_seconds"] / 60.0
    if load > LOAD_PER_CPU * before["machine_cpus"]:
        yield (
            f"the load was {before['load']:.1f} on {before['machine_cpus']} CPUs before the start: wait until the "
            "machine has been quiet for a minute, then measure again"
        )
    stolen = _growth(before, after, "steal_seconds")
    share = stolen / max(stolen + _growth(before, after, "busy_seconds"), STEAL_SECONDS)
    if stolen > STEAL_SECONDS and share > STEAL_SHARE:
        yield (
            f"{100 * share:.0f} % of the CPU time was steal, given to other virtual machines: measure at another time, "
            "or on a machine of your own"
        )


def _processor(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    was, now = before["clock_mhz"], after["clock_mhz"]
    if was and now and now["now"] < (1.0 - CLOCK_LOSS) * was["now"]:
        yield (
            f"the CPU's clock fell from {was['now']:.0f} to {now['now']:.0f} MHz: let it cool down, see to mains power "
            "and the governor `performance`, and measure again"
        )
    if before["heat_throttles"] is not None and (after["heat_throttles"] or 0) > before["heat_throttles"]:
        yield "the CPU lowered its clock because of heat: see to its cooling, or measure with fewer threads"
    if before["quota"] and after["quota"]:
        held = _growth(before["quota"], after["quota"], "held_seconds")
        if held > 0:
            yield (
                f"the container's quota of {after['quota']['cpus']:g} CPUs held its threads back for {held:.1f} s: "
                "give it whole CPUs (docker run --cpuset-cpus), or start no more threads than that"
            )


def _memory(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    swapped = _growth(before, after, "swapped_bytes")
    if swapped > SWAPPED_BYTES:
        yield f"{swapped / 2**20:.0f} MiB were swapped: close other programs, or choose a smaller batch or image"


def _graphics(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    elapsed = _growth(before, after, "clock_seconds")
    for was, now in zip(before["gpus"], after["gpus"], strict=False):
        gpu = f"GPU {now['index']}"
        if others := max(was["other_processes"], now["other_processes"]):
            yield f"other processes compute on {gpu} ({others}): stop them, or name a free GPU in CUDA_VISIBLE_DEVICES"
        if reasons := sorted({*was["slowed_by"], *now["slowed_by"]}):
            yield f"{gpu} was slowed by {' and '.join(reasons)}: see to its cooling and power, and measure again"
        for cause, seconds in now["slowed_seconds"].items():
            held = (seconds or 0.0) - (was["slowed_seconds"][cause] or 0.0)
            if seconds is not None and held > SLOWED_SHARE * elapsed:
                yield (
                    f"{gpu} lowered its clocks for {held:.1f} s because of {cause}: compare only with measurements at "
                    f"the same power limit ({now['power_limit_watts']} W) and cooling"
                )
    if len(after["gpus"]) > 1:
        yield (
            f"{len(after['gpus'])} GPUs are visible and one is used, so that energy counts idle ones too: name one by "
            "its UUID (nvidia-smi -L) in CUDA_VISIBLE_DEVICES"
        )


def _growth(before: dict[str, Any], after: dict[str, Any], counter: str) -> float:
    return after[counter] - before[counter]


def _others_percent() -> float:
    """CPU use of all processes but this one and its children, in percent of one CPU, over a short sample."""
    start, busy, own = time.monotonic(), _busy_seconds(_usable_cpus()), _own_seconds()
    time.sleep(SAMPLE)
    others = (_busy_seconds(_usable_cpus()) - busy) - (_own_seconds() - own)
    return max(0.0, 100.0 * others / (time.monotonic() - start))


def _usable_cpus() -> list[Any]:
    """Times of the CPUs that this process may use. Work on the others, in a large machine, is not its company."""
    cpus = psutil.cpu_times(percpu=True)
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(len(cpus))
    return [cpu for number, cpu in enumerate(cpus) if number in allowed] or cpus


def _busy_seconds(cpus: list[Any]) -> float:
    return sum(cpu.user + cpu.system + getattr(cpu, "nice", 0.0) for cpu in cpus)


def _own_seconds() -> float:
    """CPU time of this process and its descendants, with those that have ended."""
    total = 0.0
    for process in _family():
        try:
            total += sum(process.cpu_times()[:4])  # user, system, and the same of children that ended
        except psutil.Error:
            continue  # ended meanwhile: its parent has its time now
    return total


def _family() -> list[psutil.Process]:
    this = psutil.Process()
    return [this, *this.children(recursive=True)]


def _clock() -> dict[str, float | None] | None:
    """The fastest core's clock in MHz, read after a burst of work: that of an idle core says nothing."""
    until = time.perf_counter() + BURST
    while time.perf_counter() < until:
        pass
    try:
        cores = psutil.cpu_freq(percpu=True)
    except (AttributeError, NotImplementedError, OSError, RuntimeError):
        return None  # some virtual machines and systems have none
    if not cores:
        return None
    return {"now": max(core.current for core in cores), "max": max(core.max or 0.0 for core in cores) or None}


def _temperature() -> float | None:
    """The hottest of the CPU's sensors."""
    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    found = [one.current for name in CPU_SENSORS for one in sensors.get(name, []) if one.current is not None]
    return max(found, default=None)


def _heat_throttles(root: Path) -> int | None:
    """How often Intel's processors lowered a clock because of heat, over all cores; others keep no such count."""
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/*_throttle_count")
    counts = [int(count) for file in files if (count := _text(file))]
    return sum(counts) if counts else None


def _swap() -> dict[str, int]:
    swap = psutil.swap_memory()
    return {"swap_used_bytes": swap.used, "swapped_bytes": swap.sin + swap.sout}


def _quota(root: Path) -> dict[str, float] | None:
    """The smallest quota of CPUs that a control group (v2) around this process sets, and what it held back so far."""
    lines = (_text(root / "proc/self/cgroup") or "").splitlines()
    path = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), "")
    parts = [part for part in path.split("/") if part]
    found = []
    for depth in range(len(parts) + 1):  # a group is bound by the quotas of all above it
        group = (root / "sys/fs/cgroup").joinpath(*parts[:depth])
        quota, _, period = (_text(group / "cpu.max") or "max").partition(" ")
        if quota != "max":
            counts = dict(line.split() for line in (_text(group / "cpu.stat") or "").splitlines())
            found.append(
                {
                    "cpus": int(quota) / int(period),
                    "held_times": int(counts.get("nr_throttled", 0)),
                    "held_seconds": int(counts.get("throttled_usec", 0)) / 1e6,
                }
            )
    return min(found, key=lambda one: one["cpus"], default=None)


def _gpus() -> list[dict[str, Any]]:
    ours = {process.pid for process in _family()}
    with nvidia.visible_gpus() as gpus:
        return [nvidia.state(gpu, ours) for gpu in gpus]


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError:
        return None
