"""The driver's word on a GPU: right where it is given, and nothing but None where it is not."""

import json

import pynvml
import pytest

from cxrbench.measure import nvidia
from tests.measure.fake_nvml import FakeGpu, FakeNvml


@pytest.fixture
def machine(monkeypatch):
    """Puts GPUs into this machine; returns the library that shows them."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)

    def install(*gpus, driver=True):
        library = FakeNvml(*gpus, driver=driver)
        monkeypatch.setattr(nvidia, "pynvml", library)
        return library

    return install


def seen():
    with nvidia.visible_gpus() as gpus:
        return [gpu.number for gpu in gpus]


def test_memory_of_a_process_is_summed_over_the_gpus_and_that_of_others_left_out(machine):
    machine(FakeGpu(processes=[(7, 100), (8, 1000)]), FakeGpu(processes=[(7, 20), (9, 5000)]))
    assert nvidia.driver_memory(7) == 120
    assert nvidia.driver_memory(8) == 1000


def test_memory_is_none_where_the_driver_does_not_know_it(machine):
    machine(FakeGpu(processes=[(7, None), (8, 3)]))
    assert nvidia.driver_memory(7) is None  # listed, without a size
    assert nvidia.driver_memory(6) is None  # not listed
    machine()
    assert nvidia.driver_memory(7) is None  # a driver without a GPU
    machine(FakeGpu(processes=[(7, 100)]), driver=False)
    assert nvidia.driver_memory(7) is None


def test_the_library_is_closed_as_often_as_it_is_opened(machine):
    library = machine(FakeGpu())
    nvidia.driver_memory(7)
    with pytest.raises(RuntimeError), nvidia.visible_gpus():
        assert library.opened == 1
        raise RuntimeError("an engine failed")
    assert library.opened == 0


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (None, [0, 1, 2]),
        ("1", [1]),
        ("2, 0", [0, 2]),
        ("", []),
        ("-1", []),
        ("GPU-bb", [1]),
        ("GPU-cc,GPU-aa", [0, 2]),
        ("MIG-1234", [0, 1, 2]),  # which GPU it is part of is not asked
    ],
)
def test_only_gpus_that_cuda_may_use_are_looked_at(machine, monkeypatch, named, expected):
    machine(FakeGpu(uuid="GPU-aa-1"), FakeGpu(uuid="GPU-bb-2"), FakeGpu(uuid="GPU-cc-3"))
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert seen() == expected


def test_among_unlike_gpus_a_number_counts_only_in_the_drivers_order(machine, monkeypatch):
    machine(FakeGpu(name="small"), FakeGpu(name="large"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")  # CUDA's first would be the large one
    assert seen() == [0, 1]
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert seen() == [0]


def test_the_state_of_a_gpu_in_plain_units_and_words(machine):
    slowed = {pynvml.NVML_PERF_POLICY_POWER: 2_500_000_000}
    # Idle (0x1) is no reason for doubt.
    machine(FakeGpu(processes=[(7, 1), (8, 1), (9, 1)], reasons=0x01 | 0x04 | 0x20, slowed_nanoseconds=slowed))
    with nvidia.visible_gpus() as gpus:
        state = nvidia.state(gpus[0], ours={7})
    assert json.loads(json.dumps(state)) == {
        "index": 0,
        "sm_clock_mhz": 1980,
        "memory_clock_mhz": 2619,
        "temperature_celsius": 41,
        "power_limit_watts": 700.0,
        "memory_used_bytes": 3 * 2**30,
        "slowed_by": ["power limit", "heat"],
        "slowed_seconds": {"power": 2.5, "heat": None},
        "other_processes": 2,
        "persistence": True,
        "mig": False,
    }


def test_the_bits_of_what_slows_a_gpu_are_those_of_the_library():
    names = ("SwPowerCap", "HwSlowdown", "SyncBoost", "SwThermalSlowdown", "HwThermalSlowdown", "HwPowerBrakeSlowdown")
    assert list(nvidia.SLOWED_BY) == [getattr(pynvml, f"nvmlClocksThrottleReason{name}") for name in names]


def test_the_fake_has_no_function_that_the_library_lacks():
    asked = [name for name in vars(FakeNvml) if name.startswith("nvml")]
    assert asked and all(callable(getattr(pynvml, name)) for name in asked)
