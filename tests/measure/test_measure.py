"""A machine described without its secrets."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from cxrbench.measure import machine


def test_flags_hold_what_changes_numbers_and_nothing_else(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=/tmp/x --xla_cpu_enable_fast_math=true")
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "bf16")
    monkeypatch.setenv("PJRT_NPROC", "1")
    monkeypatch.setenv("TF_VAR_db_password", "hunter2")
    monkeypatch.setenv("SECRET_TOKEN", "abc")
    flags = machine.flags()
    assert flags["XLA_FLAGS"] == "--xla_cpu_enable_fast_math=true"
    assert flags["ONEDNN_DEFAULT_FPMATH_MODE"] == "bf16" and flags["PJRT_NPROC"] == "1"
    assert set(flags) <= set(machine.FLAGS)
    assert "hunter2" not in flags.values()


def test_the_commit_is_that_of_this_code_and_an_unclean_tree_is_said(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    assert machine.source_state(tmp_path) == {"commit": None, "clean": None}
    git("init")
    (tmp_path / "other.txt").write_text("another project")
    git("add", "other.txt")
    git("commit", "-m", "first")
    assert machine.source_state(tmp_path)["commit"] is None  # a repository, but not of this code
    code = tmp_path / "cxrbench" / "config.py"
    code.parent.mkdir()
    code.write_text("x = 1")
    git("add", "-A")
    git("commit", "-m", "second")
    state = machine.source_state(tmp_path)
    assert len(state["commit"]) == 40
    assert state["clean"] is True
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "new.md").write_text("written by a run")
    assert machine.source_state(tmp_path)["clean"] is True
    code.write_text("x = 2")
    assert machine.source_state(tmp_path)["clean"] is False


def test_the_machine_is_described():
    described = machine.machine()
    assert described["cores"] >= 1
    assert described["memory_bytes"] > 1e8
    assert described["cpu"]
    assert described["vectors"] in {None, *machine.VECTORS.values()}
    json.dumps(described)


@pytest.mark.parametrize(
    ("flags", "vectors"),
    [
        ("flags : fpu sse4_2 avx avx2 avx512f", "AVX-512"),
        ("flags : fpu sse4_2 avx avx2 avx512", "AVX2"),
        ("Features : fp asimd", "NEON"),
        ("", None),
    ],
)
def test_two_processors_of_one_name_are_told_apart_by_their_vectors(tmp_path, monkeypatch, flags, vectors):
    (tmp_path / "cpuinfo").write_text(f"processor : 0\nmodel name : AMD EPYC\n{flags}\n\nprocessor : 1\n")
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    described = machine.machine()
    assert (described["cpu"], described["vectors"]) == ("AMD EPYC", vectors)


def test_every_installed_distribution_has_its_version():
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format=json"], capture_output=True, text=True, check=True
    ).stdout
    installed = {machine.canonical(one["name"]): one["version"] for one in json.loads(listed)}
    found = machine.versions()
    assert found == installed and found["numpy"] == np.__version__
    assert list(found) == sorted(found)


def test_a_name_is_one_however_it_is_spelled_and_the_first_on_the_path_counts(tmp_path, monkeypatch):
    for folder, name, version in (("a", "Some_Engine.CPU", "2.0"), ("b", "some-engine-cpu", "1.0")):
        information = tmp_path / folder / f"some_engine_cpu-{version}.dist-info"
        information.mkdir(parents=True)
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "b")])
    assert machine.versions() == {"some-engine-cpu": "2.0"}


def test_what_a_page_shows_is_spelled_as_it_is_found():
    assert [machine.canonical(name) for name in machine.PACKAGES] == list(machine.PACKAGES)


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


def test_what_a_package_carries_inside_itself_is_not_counted(tmp_path, monkeypatch):
    for place in ("site/_vendor", "site"):
        about = tmp_path / place / f"{place.rpartition('/')[2].strip('_')}only-1.0.dist-info" / "METADATA"
        about.parent.mkdir(parents=True)
        about.write_text(f"Metadata-Version: 2.1\nName: {about.parent.name.partition('-')[0]}\nVersion: 1.0\n")
        monkeypatch.syspath_prepend(tmp_path / place)
    found = machine.versions()
    assert found["siteonly"] == "1.0" and "vendoronly" not in found
