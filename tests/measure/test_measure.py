"""The instruments: intervals that cover, memory that is seen, and a machine described without its secrets."""

import json
import os

import numpy as np
import pytest

from cxrbench.measure import machine
from cxrbench.measure.memory import peak_host_memory
from cxrbench.measure.statistics import median_interval


def test_median_and_interval_of_known_values():
    median, low, high = median_interval([1.0, 2.0, 3.0, 4.0, 100.0])
    assert median == 3.0
    assert 1.0 <= low < 3.0 < high <= 100.0
    assert median_interval([2.0] * 5) == (2.0, 2.0, 2.0)


def test_the_interval_covers_the_true_median_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        _, low, high = median_interval(list(rng.normal(5.0, 1.0, 20)))
        covered += low <= 5.0 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_peak_host_memory_sees_an_allocation():
    before = peak_host_memory()
    block = np.ones(200_000_000, dtype=np.uint8)
    assert 100e6 < peak_host_memory() - before < 400e6 or before > 1e9
    assert block.sum() == 200_000_000


def test_flags_hold_what_changes_numbers_and_no_folders(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", os.sep + "somewhere")
    monkeypatch.setenv("SECRET_TOKEN", "abc")
    flags = machine.flags()
    assert flags["XLA_FLAGS"] == "--xla_cpu_enable_fast_math=true"
    assert "TORCHINDUCTOR_CACHE_DIR" not in flags
    assert "SECRET_TOKEN" not in flags


def test_the_machine_is_described():
    described = machine.machine()
    assert described["cores"] >= 1
    assert described["memory_bytes"] > 1e8
    assert described["cpu"]
    json.dumps(described)
    assert machine.versions()["numpy"] == np.__version__


def test_a_gpu_tool_without_a_gpu_is_no_error(tmp_path, monkeypatch):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert machine.machine()["gpu"] is None


@pytest.mark.parametrize("line", ["NVIDIA H200, 550.54\n"])
def test_a_gpu_and_its_driver_are_read(tmp_path, monkeypatch, line):
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\nprintf '{line}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert machine.machine()["gpu"] == "NVIDIA H200"
    assert machine.machine()["driver"] == "550.54"
