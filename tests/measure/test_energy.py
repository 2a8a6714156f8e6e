"""Energy from the machine's counters: the right difference, or a reason in plain words."""

from pathlib import Path

import pytest

from cxrbench.measure import nvidia
from cxrbench.measure.energy import EnergyMeter
from tests.measure.fake_nvml import FakeGpu, FakeNvml

RANGE = 1_000_000_000  # microjoules


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(nvidia, "pynvml", FakeNvml(driver=False))


def domain(powercap, number, name, microjoules):
    """One RAPL domain as Linux shows it; returns its counter."""
    folder = powercap / f"intel-rapl:{number}"
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{RANGE}\n")
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder / "energy_uj"


def test_the_packages_count_and_neither_their_parts_nor_the_whole_platform(tmp_path):
    first = domain(tmp_path, "0", "package-0", 1_000_000)
    second = domain(tmp_path, "1", "package-1", 4_000_000)
    core, platform = domain(tmp_path, "0:0", "core", 0), domain(tmp_path, "2", "psys", 0)
    with EnergyMeter(tmp_path) as meter:
        first.write_text("3500000\n")
        second.write_text("4250000\n")
        core.write_text("900000\n")
        platform.write_text("9000000\n")
    assert meter.energy == ({"cpu package-0": 2.5, "cpu package-1": 0.25}, None)


def test_a_counter_that_starts_again_from_zero_is_made_good(tmp_path):
    counter = domain(tmp_path, "0", "package-0", RANGE - 2_000_000)
    with EnergyMeter(tmp_path) as meter:
        counter.write_text("3000000\n")
    assert meter.energy.joules["cpu package-0"] == pytest.approx(5.0)


@pytest.mark.parametrize("folder", ["", "missing"])
def test_a_machine_without_a_counter_says_so(tmp_path, folder):
    with EnergyMeter(tmp_path / folder) as meter:
        pass
    assert meter.energy.joules == {}
    assert "not readable here" in meter.energy.reason and "virtual machine" in meter.energy.reason


def test_a_counter_for_root_alone_says_so_and_how_to_open_it(tmp_path, monkeypatch):
    closed = domain(tmp_path, "0", "package-0", 1)
    read = Path.read_text

    def refuse(path, *arguments, **named):  # file modes would not stop a test that root runs
        if path == closed:
            raise PermissionError(path)
        return read(path, *arguments, **named)

    monkeypatch.setattr(Path, "read_text", refuse)
    with EnergyMeter(tmp_path) as meter:
        pass
    assert meter.energy.joules == {}
    assert "root alone" in meter.energy.reason and f"chmod a+r {closed}" in meter.energy.reason


def test_a_counter_that_vanishes_meanwhile_gives_no_number(tmp_path):
    counter = domain(tmp_path, "0", "package-0", 1)
    with EnergyMeter(tmp_path) as meter:
        counter.unlink()
    assert meter.energy.joules == {} and "cpu package-0" in meter.energy.reason


def test_the_gpu_is_read_beside_the_processor_and_the_driver_held_open(tmp_path, monkeypatch):
    gpu, counter = FakeGpu(millijoules=5_000), domain(tmp_path, "0", "package-0", 0)
    library = FakeNvml(gpu)
    monkeypatch.setattr(nvidia, "pynvml", library)
    with EnergyMeter(tmp_path) as meter:
        assert library.opened == 1
        gpu.millijoules = 12_345
        counter.write_text("1000000")
    assert meter.energy.joules == {"gpu 0": pytest.approx(7.345), "cpu package-0": 1.0}
    assert meter.energy.reason is None
    assert library.opened == 0


@pytest.mark.parametrize(
    ("gpu", "words"),
    [(FakeGpu(millijoules=None), "no energy counter"), (FakeGpu(mig=True), "MIG")],
    ids=["before Volta", "divided"],
)
def test_a_gpu_that_cannot_say_leaves_the_processor_and_a_reason(tmp_path, monkeypatch, gpu, words):
    domain(tmp_path, "0", "package-0", 0)
    monkeypatch.setattr(nvidia, "pynvml", FakeNvml(gpu))
    with EnergyMeter(tmp_path) as meter:
        pass
    assert meter.energy.joules == {"cpu package-0": 0.0}
    assert "gpu 0" in meter.energy.reason and words in meter.energy.reason


def test_a_gpu_whose_driver_was_loaded_anew_gives_no_number(tmp_path, monkeypatch):
    gpu = FakeGpu(millijoules=90_000)
    monkeypatch.setattr(nvidia, "pynvml", FakeNvml(gpu))
    with EnergyMeter(tmp_path) as meter:
        gpu.millijoules = 1_000
    assert "gpu 0" not in meter.energy.joules and "gpu 0" in meter.energy.reason


def test_what_was_used_is_known_even_if_the_block_fails(tmp_path):
    counter = domain(tmp_path, "0", "package-0", 0)
    with pytest.raises(RuntimeError), EnergyMeter(tmp_path) as meter:
        counter.write_text("2000000")
        raise RuntimeError("an engine failed")
    assert meter.energy.joules == {"cpu package-0": 2.0}
