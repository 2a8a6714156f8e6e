"""What the NVIDIA driver says, through its library NVML. Without a driver or a GPU the answers are None or empty."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pynvml

# NVML's nvmlClocksEventReason bits in words. Left out are those that say nothing is wrong: idle, clocks that a
# person set, clocks for a display.
SLOWED_BY = {
    0x04: "power limit",
    0x08: "hardware slowdown",
    0x10: "another GPU in its sync boost group",
    0x20: "heat",
    0x40: "heat, by hardware",
    0x80: "power brake",
}


class Gpu(NamedTuple):
    """A GPU: its number, which `nvidia-smi` shows too, and NVML's handle."""

    number: int
    handle: Any


@contextmanager
def visible_gpus() -> Iterator[list[Gpu]]:
    """The GPUs that CUDA_VISIBLE_DEVICES leaves to this process. Their handles are valid inside the block alone."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield []
        return
    try:
        handles = {i: _ask(pynvml.nvmlDeviceGetHandleByIndex, i) for i in range(_ask(pynvml.nvmlDeviceGetCount) or 0)}
        yield _visible([Gpu(number, handle) for number, handle in handles.items() if handle is not None])
    finally:
        pynvml.nvmlShutdown()


def driver_memory(pid: int) -> int | None:
    """Bytes that process `pid` holds on the GPUs as the driver counts them: allocator, context and libraries.

    None where the driver lists no such process: it uses no GPU, or a container hides its number.
    """
    with visible_gpus() as gpus:
        held = [one.usedGpuMemory for gpu in gpus for one in _processes(gpu) if one.pid == pid]
    known = [size for size in held if size is not None]
    return sum(known) if known else None


def joules(gpu: Gpu) -> float | None:
    """Energy since the driver was loaded. The counter moves some ten times a second; GPUs before Volta have none."""
    millijoules = _ask(pynvml.nvmlDeviceGetTotalEnergyConsumption, gpu.handle)
    return None if millijoules is None else millijoules / 1e3


def is_divided(gpu: Gpu) -> bool:
    """Whether the GPU is in MIG mode, so that its counters cover the instances of others too."""
    mode = _ask(pynvml.nvmlDeviceGetMigMode, gpu.handle)
    return mode is not None and mode[0] == pynvml.NVML_DEVICE_MIG_ENABLE


def state(gpu: Gpu, ours: set[int]) -> dict[str, Any]:
    """Clocks (MHz), temperature (degrees Celsius), power limit (W), memory (bytes), what slows the GPU, who else is on.

    Args:
        ours: ids of the processes that are not "others". Some containers are given the host's ids, so that none
            is known: ask while no process of ours is on the GPU.
    """
    handle = gpu.handle
    limit = _ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
    persistence = _ask(pynvml.nvmlDeviceGetPersistenceMode, handle)
    reasons = _ask(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) or 0
    return {
        "index": gpu.number,
        "sm_clock_mhz": _ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
        "memory_clock_mhz": _ask(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM),
        "temperature_celsius": _ask(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        "power_limit_watts": None if limit is None else limit / 1e3,
        "memory_used_bytes": None if memory is None else memory.used,
        "slowed_by": [words for bit, words in SLOWED_BY.items() if reasons & bit],
        "slowed_seconds": {
            "power": _slowed_seconds(handle, pynvml.NVML_PERF_POLICY_POWER),
            "heat": _slowed_seconds(handle, pynvml.NVML_PERF_POLICY_THERMAL),
        },
        "other_processes": sum(one.pid not in ours for one in _processes(gpu)),
        "persistence": None if persistence is None else bool(persistence),
        "mig": is_divided(gpu),
    }


def _visible(found: list[Gpu]) -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES names, by UUID or by number; all, where a number does not settle which.

    CUDA counts the fastest GPU first unless CUDA_DEVICE_ORDER is PCI_BUS_ID, the driver's order. So a number means
    the same GPU to both if all are of one model.
    """
    named = [word.strip() for word in os.environ.get("CUDA_VISIBLE_DEVICES", "all").split(",")]
    if named[0] in ("", "-1"):
        return []
    if all(word.startswith("GPU-") for word in named):
        return [gpu for gpu in found if str(_ask(pynvml.nvmlDeviceGetUUID, gpu.handle)).startswith(tuple(named))]
    alike = len({_ask(pynvml.nvmlDeviceGetName, gpu.handle) for gpu in found}) == 1
    if all(word.isdigit() for word in named) and (alike or os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"):
        return [gpu for gpu in found if str(gpu.number) in named]
    return found


def _processes(gpu: Gpu) -> list[Any]:
    return _ask(pynvml.nvmlDeviceGetComputeRunningProcesses, gpu.handle) or []


def _slowed_seconds(handle: Any, policy: int) -> float | None:
    """How long the driver has held the clocks down for one cause, ever since it was loaded."""
    status = _ask(pynvml.nvmlDeviceGetViolationStatus, handle, policy)
    return None if status is None else status.violationTime / 1e9


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    """NVML's answer, or None where this GPU, this driver or this user's rights give none."""
    try:
        return question(*arguments)
    except pynvml.NVMLError:
        return None
