"""NVIDIA's library as a machine with chosen GPUs would show it."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pynvml


@dataclass
class FakeGpu:
    """What one GPU answers; None stands for what it does not support."""

    name: str = "NVIDIA H100"
    uuid: str = "GPU-aaaa-1"
    processes: list[tuple[int, int | None]] = field(default_factory=list)  # id and bytes
    millijoules: int | None = 5_000
    mig: bool = False
    reasons: int = 0
    slowed_nanoseconds: dict[int, int] = field(default_factory=dict)  # by policy


class FakeNvml:
    """The part of `pynvml` that is asked. Without `driver` it fails as it does on a machine that has none."""

    def __init__(self, *gpus: FakeGpu, driver: bool = True) -> None:
        self.gpus, self.driver, self.opened = gpus, driver, 0

    def __getattr__(self, name):
        if name.startswith("nvml"):
            raise AttributeError(f"{name} is not part of the fake")
        return getattr(pynvml, name)  # constants and errors

    def nvmlInit(self):
        if not self.driver:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)
        self.opened += 1

    def nvmlShutdown(self):
        self.opened -= 1

    def nvmlDeviceGetCount(self):
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):
        return self.gpus[index]

    def nvmlDeviceGetName(self, gpu):
        return self._answer(gpu.name)

    def nvmlDeviceGetUUID(self, gpu):
        return self._answer(gpu.uuid)

    def nvmlDeviceGetComputeRunningProcesses(self, gpu):
        return self._answer([SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in gpu.processes])

    def nvmlDeviceGetTotalEnergyConsumption(self, gpu):
        return self._answer(gpu.millijoules)

    def nvmlDeviceGetMigMode(self, gpu):
        return self._answer([int(gpu.mig), int(gpu.mig)])

    def nvmlDeviceGetEnforcedPowerLimit(self, gpu):
        return self._answer(700_000)

    def nvmlDeviceGetMemoryInfo(self, gpu):
        return self._answer(SimpleNamespace(used=3 * 2**30))

    def nvmlDeviceGetPersistenceMode(self, gpu):
        return self._answer(1)

    def nvmlDeviceGetClockInfo(self, gpu, kind):
        return self._answer({pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 2619}[kind])

    def nvmlDeviceGetTemperature(self, gpu, sensor):
        return self._answer(41)

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, gpu):
        return self._answer(gpu.reasons)

    def nvmlDeviceGetViolationStatus(self, gpu, policy):
        time = gpu.slowed_nanoseconds.get(policy)
        return self._answer(None if time is None else SimpleNamespace(violationTime=time))

    def _answer(self, value):
        if not self.opened:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)
        if value is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return value
