"""The machine's state: what is read, and which of it is a reason for doubt."""

import copy
import json
import os
from types import SimpleNamespace

import psutil
import pytest

from cxrbench.measure import nvidia, state
from tests.measure.fake_nvml import FakeGpu, FakeNvml


@pytest.fixture(autouse=True)
def no_gpu_and_no_waiting(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(nvidia, "pynvml", FakeNvml(driver=False))
    monkeypatch.setattr(state, "BURST", 0.0)
    monkeypatch.setattr(state, "SAMPLE", 0.01)


def write(root, files):
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


# What is read


def test_a_snapshot_of_this_machine_is_plain_json_and_true(tmp_path):
    found = state.snapshot()
    assert json.loads(json.dumps(found)) == found
    assert found["usable_cpus"] <= found["machine_cpus"] == os.cpu_count()
    assert 0 < found["memory_available_bytes"] < psutil.virtual_memory().total
    assert found["own_seconds"] > 0 and found["busy_seconds"] > 0
    assert found["gpus"] == []
    empty = state.snapshot(tmp_path)  # a machine that shows nothing
    assert (empty["governor"], empty["heat_throttles"], empty["quota"]) == (None, None, None)


def test_governor_and_throttling_are_read_from_every_core(tmp_path):
    cpu = "sys/devices/system/cpu"
    write(
        tmp_path,
        {
            f"{cpu}/cpu0/cpufreq/scaling_governor": "powersave\n",
            f"{cpu}/cpu0/thermal_throttle/core_throttle_count": "3\n",
            f"{cpu}/cpu0/thermal_throttle/core_throttle_total_time_ms": "500\n",
            f"{cpu}/cpu1/thermal_throttle/package_throttle_count": "4\n",
        },
    )
    found = state.snapshot(tmp_path)
    assert found["governor"] == "powersave"
    assert found["heat_throttles"] == 7


@pytest.mark.parametrize("membership", ["0::/outer/inner\n", "9:cpu:/else\n0::/outer/inner\n"])
@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("max 100000", {"cpus": 2.0, "held_times": 8, "held_seconds": 1.5}),
        ("400000 100000", {"cpus": 2.0, "held_times": 8, "held_seconds": 1.5}),
        ("50000 100000", {"cpus": 0.5, "held_times": 0, "held_seconds": 0.0}),
    ],
)
def test_the_smallest_quota_around_this_process_counts(tmp_path, membership, inner, expected):
    groups = "sys/fs/cgroup"
    write(
        tmp_path,
        {
            "proc/self/cgroup": membership,
            f"{groups}/outer/cpu.max": "200000 100000\n",
            f"{groups}/outer/cpu.stat": "usage_usec 5\nnr_throttled 8\nthrottled_usec 1500000\n",
            f"{groups}/outer/inner/cpu.max": f"{inner}\n",
            f"{groups}/other/cpu.max": "1000 100000\n",
        },
    )
    assert state.snapshot(tmp_path)["quota"] == expected


def test_a_container_that_sees_only_its_own_group_has_its_quota(tmp_path):
    write(tmp_path, {"proc/self/cgroup": "0::/../of/the/host\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"})
    assert state.snapshot(tmp_path)["quota"]["cpus"] == 1.5


def test_work_of_others_is_told_from_ours(monkeypatch):
    """In one second all CPUs work 1.5 s, of which this process and its child did 1.1 s."""
    now = {"clock": 0.0}

    def process(share, pid):
        times = SimpleNamespace(cpu_times=lambda: (share * now["clock"], 0.0, 0.0, 0.0, now["clock"]), pid=pid)
        times.children = lambda recursive: [process(0.9, 2)]
        return times

    def cpus(percpu):
        return [SimpleNamespace(user=0.75 * now["clock"], system=0.0, nice=0.0, idle=5.0)] * 2

    monkeypatch.setattr(state.time, "monotonic", lambda: now["clock"])
    monkeypatch.setattr(state.time, "sleep", lambda _: now.update(clock=now["clock"] + 1.0))
    monkeypatch.setattr(state.psutil, "cpu_times", cpus)
    monkeypatch.setattr(state.psutil, "Process", lambda: process(0.2, 1))
    monkeypatch.setattr(state.os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert state._others_percent() == pytest.approx(40.0)
    monkeypatch.setattr(state.os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert state._others_percent() == 0.0  # less than our own share: on the CPU that we may use, there is nobody


def test_a_machine_without_a_clock_to_read_is_no_error(monkeypatch):
    def fail(percpu):
        raise NotImplementedError("can't find current frequency file")

    monkeypatch.setattr(state.psutil, "cpu_freq", fail)
    assert state.snapshot()["clock_mhz"] is None
    monkeypatch.setattr(state.psutil, "cpu_freq", lambda percpu: [])
    assert state.snapshot()["clock_mhz"] is None


def test_children_on_the_gpu_are_not_others(monkeypatch):
    monkeypatch.setattr(nvidia, "pynvml", FakeNvml(FakeGpu(processes=[(os.getpid(), 5), (2**22 + 1, 5)])))
    assert state.snapshot()["gpus"][0]["other_processes"] == 1


# What is a reason for doubt

GPU = {
    "index": 0,
    "power_limit_watts": 700.0,
    "slowed_by": [],
    "slowed_seconds": {"power": 5.0, "heat": None},
    "other_processes": 0,
}
QUIET = {
    "clock_seconds": 1000.0,
    "machine_cpus": 8,
    "usable_cpus": 4,
    "load": 3.5,
    "others_percent": 3.0,
    "busy_seconds": 500.0,
    "own_seconds": 2.0,
    "steal_seconds": 7.0,
    "clock_mhz": {"now": 3500.0, "max": 3600.0},
    "heat_throttles": 4,
    "swapped_bytes": 10**9,
    "quota": {"cpus": 2.0, "held_times": 3, "held_seconds": 1.0},
    "gpus": [GPU],
}


def changed(snapshot, changes):
    """A copy with other values; a key such as ``gpus.0.slowed_by`` leads into it."""
    snapshot = copy.deepcopy(snapshot)
    for key, value in changes.items():
        *way, last = key.split(".")
        place = snapshot
        for step in way:
            place = place[int(step) if step.isdigit() else step]
        place[last] = value
    return snapshot


# 100 s later: we worked 300 s of CPU time, others 5 s, and the load is that of our own threads.
LATER = changed(
    QUIET,
    {"clock_seconds": 1100.0, "busy_seconds": 805.0, "own_seconds": 302.0, "load": 4.0, "clock_mhz.now": 3300.0}
    | {"steal_seconds": 7.3, "swapped_bytes": 10**9 + 4096, "gpus.0.slowed_seconds": {"power": 5.2, "heat": None}},
)


def test_a_quiet_machine_gives_no_concern():
    assert state.concerns(QUIET, LATER) == []
    assert state.concerns(QUIET, QUIET) == []  # no time between


def test_a_machine_that_shows_little_gives_no_concern():
    unknown = {"clock_mhz": None, "heat_throttles": None, "quota": None, "gpus": []}
    assert state.concerns(changed(QUIET, unknown), changed(LATER, unknown)) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ({"others_percent": 95.0}, {}, ["other processes", "95 % of a CPU", "stop"]),
        ({}, {"others_percent": 95.0}, ["other processes", "95 % of a CPU"]),
        ({}, {"busy_seconds": 860.0}, ["other processes", "60 % of a CPU"]),  # 60 of 100 s, unseen at either end
        ({"load": 4.5}, {}, ["load was 4.5 on 8 CPUs", "wait"]),
        ({}, {"steal_seconds": 27.0}, ["6 %", "steal", "other virtual machines"]),  # 20 of 20 + 305 s
        ({}, {"clock_mhz": {"now": 2400.0, "max": 3600.0}}, ["clock fell from 3500 to 2400 MHz", "cool"]),
        ({}, {"heat_throttles": 5}, ["heat", "cooling"]),
        ({}, {"quota.held_seconds": 3.5}, ["quota of 2 CPUs", "2.5 s", "cpuset"]),
        ({}, {"swapped_bytes": 10**9 + 2**30}, ["1024 MiB", "swapped", "smaller batch"]),
        ({"gpus.0.other_processes": 2}, {}, ["GPU 0", "(2)", "CUDA_VISIBLE_DEVICES"]),
        ({}, {"gpus.0.other_processes": 1}, ["GPU 0", "(1)"]),
        ({"gpus.0.slowed_by": ["heat"]}, {"gpus.0.slowed_by": ["power limit"]}, ["slowed by heat and power limit"]),
        ({}, {"gpus.0.slowed_seconds.power": 17.5}, ["GPU 0", "12.5 s", "power", "700.0 W"]),
        ({}, {"gpus": [GPU, GPU | {"index": 1}]}, ["2 GPUs are visible", "UUID"]),
    ],
)
def test_each_concern_is_said_alone_with_what_to_do(before, after, words):
    said = state.concerns(changed(QUIET, before), changed(LATER, after))
    assert len(said) == 1
    assert all(word in said[0] for word in words), said[0]


def test_the_load_that_we_made_ourselves_is_no_concern():
    assert state.concerns(changed(QUIET, {"load": 4.5}), LATER)
    ours = {"load": 4.5, "own_seconds": 240.0}
    assert state.concerns(changed(QUIET, ours), changed(LATER, {"own_seconds": 540.0})) == []


def test_a_large_machine_may_differ_more_between_the_kernels_two_accounts():
    busy = {"others_percent": 60.0}
    assert state.concerns(changed(QUIET, busy), LATER)
    assert state.concerns(changed(QUIET, busy | {"usable_cpus": 64}), LATER) == []
