"""The processes of a benchmark: one that fails, one that is interrupted, and a benchmark that goes on."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from cxrbench.configfile import load_config
from cxrbench.errors import ConfigError, RunError
from cxrbench.folders import bench_folder, run_folder
from cxrbench.report.results import read
from cxrbench.report.stages import Benchmark
from cxrbench.tasks import bench
from cxrbench.tasks.environments import Environment

BACKENDS = ["jax", "torch"]
STATE = {"others": 0}


def config(*changes):
    return load_config("smoke", changes)


def timing(name, seconds, **extra):
    return {"name": name, "stats": {"data": seconds}, "extra_info": extra}


def left_by(files):
    """What the benchmark files of one process leave."""
    if "test_speed" in files:
        engine = {"engine": "engine 1.0", "device": "cpu", "compiled": "compiled", "threads": None}
        warm = {"warmup_steps": 4, "warm": True, "joules": {}, "no_energy": "not readable here"}
        return [
            *(timing(f"test_{name}", [1.0]) for name in ("import", "build", "first_step", "first_sample")),
            timing("test_step", [0.4, 0.4, 0.42], steps=2, engine=engine, **warm),
            timing("test_sampling", [0.1, 0.1, 0.1], images=16),
        ]
    if "test_memory" in files:
        memory = {"peak_host_memory": 10**9, "peak_device_memory": None, "driver_memory": None}
        return [timing("test_memory", [0.1] * 4, steps=list(range(1, 21)), resident=[5] * 20, **memory)]
    rate = {"what": "it", "flops": 10**9, "bytes": 10**8, "calls": 1}
    kinds = ("gemm", "convolution", "copy")
    return [
        *(timing(f"test_{kind}", [0.01], kind=kind, device="cpu", **rate) for kind in kinds),
        timing("test_input", [0.1], images=64),
    ]


class Started:
    """Stands in for the processes; ``on`` is asked before each and may end it otherwise."""

    def __init__(self, on=lambda command, number: 0):
        self.on, self.commands, self.environments = on, [], []

    def run(self, command, env, stdout, **options):
        self.commands.append((env["KERAS_BACKEND"], command))
        self.environments.append(env)
        status = self.on(command, len(self.commands))
        if status:
            stdout.write(
                "E   ValueError: no such thing\nFAILED test_speed.py::test_build - ValueError: no such thing\n"
            )
            stdout.write("1 failed, 1 passed in 0.17s\n" if status > 0 else "")
        else:
            target = next(word for word in command if word.startswith("--benchmark-json=")).partition("=")[2]
            content = {"machine_info": {"node": "host"}, "benchmarks": left_by(" ".join(command))}
            Path(target).write_text(json.dumps(content))
        return SimpleNamespace(returncode=status)


@pytest.fixture
def start(monkeypatch):
    """Run a benchmark whose processes are played by ``Started``."""
    described = Environment("python", {"keras": "3"}, {"cpu": "Imaginary"}, {})
    monkeypatch.setattr(bench.machine, "source_state", lambda: {"commit": "0" * 40, "clean": True})
    monkeypatch.setattr(bench, "find_environments", lambda backends: dict.fromkeys(backends, described))
    monkeypatch.setattr(bench.state, "snapshot", lambda: STATE)
    monkeypatch.setattr("cxrbench.tasks.bench_records.state.concerns", lambda before, after: [])

    def run(runs, started, *changes):
        monkeypatch.setattr(bench, "subprocess", SimpleNamespace(run=started.run, STDOUT=None))
        bench.bench_task(config(*changes), BACKENDS, runs)

    return run


def test_each_process_gets_its_backend_its_variant_and_a_cache_that_only_its_first_finds_empty(tmp_path, start):
    found = {}

    def look(command, number):
        cache = Path(next(word for word in command if word.startswith("--compile-cache=")).partition("=")[2])
        found.setdefault(cache, []).append(cache.exists())
        cache.mkdir(parents=True, exist_ok=True)
        return 0

    for leftover in ("0-speed-jax-ours", "0-memory-torch-ours"):  # of a benchmark that was stopped
        (bench_folder(config(), tmp_path).caches / leftover).mkdir(parents=True)

    started = Started(look)
    start(tmp_path, started, 'bench.variants=["ours", "native"]')
    assert len(started.commands) == 2 + 2 * (2 + 3) + (2 + 3)  # rates, timing twice, memory
    assert sorted(found.values()) == [[False]] * (2 + 5) + [[False, True]] * 5
    assert not bench_folder(config(), tmp_path).caches.exists()
    assert {backend for backend, command in started.commands if "--variant=native-eager" in command} == {"torch"}
    assert not bench_folder(config(), tmp_path).unfinished.exists()


def test_the_allocators_settings_are_taken_from_the_variant_without_them_alone(tmp_path, start, monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")
    started = Started(lambda command, number: 0)
    start(tmp_path, started, 'bench.variants=["ours", "without-allocator"]')
    has = [
        ("--variant=without-allocator" in command, "GLIBC_TUNABLES" in env)
        for (_, command), env in zip(started.commands, started.environments, strict=True)
    ]
    assert set(has) == {(True, False), (False, True)}


def test_a_failed_peer_is_named_and_the_others_are_kept(tmp_path, start, capsys):
    fails = lambda command, number: int("--variant=native-compile" in command)  # noqa: E731
    start(tmp_path, Started(fails), 'bench.variants=["ours", "native"]')
    assert re.search(
        r"3 of \d+ processes failed, the others are written; see .*native-compile.log", capsys.readouterr().out
    )
    results = read(run_folder(config(), "torch", tmp_path).benchmark, Benchmark)
    assert {record.variant for record in results.records} == {"ours", "native-eager"}
    missing = {entry.metric: entry.reason for entry in results.not_measured}
    assert "test_build - ValueError: no such thing (exit status 1)" in missing["bench, native-compile"]
    assert run_folder(config(), "jax", tmp_path).benchmark.exists()


def test_where_ours_fails_the_other_backends_are_written_and_the_next_benchmark_tries_again(tmp_path, start):
    run_folder(config(), "jax", tmp_path).benchmark.parent.mkdir(parents=True)
    run_folder(config(), "jax", tmp_path).benchmark.write_text("of an earlier benchmark")
    fails = lambda command, number: -9 * (started.commands[-1][0] == "jax")  # noqa: E731
    started = Started(fails)
    with pytest.raises(RunError, match=r"4 of 8 processes failed, the others are written"):
        start(tmp_path, started)
    assert run_folder(config(), "torch", tmp_path).benchmark.exists()
    assert not run_folder(config(), "jax", tmp_path).benchmark.exists()
    again = Started()
    start(tmp_path, again)
    assert len(again.commands) == 8 and run_folder(config(), "jax", tmp_path).benchmark.exists()


def test_uncommitted_changes_are_never_gone_on_with(tmp_path, start, monkeypatch):
    monkeypatch.setattr(bench.machine, "source_state", lambda: {"commit": "0" * 40, "clean": False})

    def stop(command, number):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, Started(lambda command, number: 0 if number < 3 else stop(command, number)))
    started = Started()
    start(tmp_path, started)
    assert len(started.commands) == 8


def test_a_benchmark_of_one_backend_leaves_what_the_processes_of_another_left(tmp_path, start):
    start(tmp_path, Started())
    kept = bench_folder(config(), tmp_path).raw("0-speed-0-torch-ours").read_text()
    bench.bench_task(config(), ["jax"], tmp_path)
    assert bench_folder(config(), tmp_path).raw("0-speed-0-torch-ours").read_text() == kept


def test_a_stopped_benchmark_goes_on_with_what_is_left(tmp_path, start):
    def stop(command, number):
        if number == 4:
            raise KeyboardInterrupt
        return 0

    first, second = Started(stop), Started()
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, first)
    start(tmp_path, second)
    assert len(first.commands) == 4 and len(second.commands) == 8 - 3
    assert run_folder(config(), "torch", tmp_path).benchmark.exists()


@pytest.mark.parametrize("changed", ["bench.blocks=4", "model.kernel_size=6"])
def test_a_stopped_benchmark_of_other_settings_is_not_gone_on_with(tmp_path, start, changed):
    def stop(command, number):
        raise KeyboardInterrupt

    started = Started()
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, Started(stop))
    start(tmp_path, started, changed)
    assert len(started.commands) == 8


def test_a_finished_benchmark_begins_anew(tmp_path, start):
    for _ in range(2):
        started = Started()
        start(tmp_path, started)
        assert len(started.commands) == 8


def test_ours_over_the_others_is_paired_by_repeat(tmp_path, start, monkeypatch):
    start(tmp_path, Started(), 'bench.variants=["ours", "native"]')
    records = read(run_folder(config(), "torch", tmp_path).benchmark, Benchmark).records
    ratios = {record.variant: record for record in records if record.metric == "step_time_ratio"}
    assert set(ratios) == {"native-eager", "native-compile"}
    assert all(one.value == pytest.approx(1.0) and one.values == [1.0, 1.0] for one in ratios.values())
    memory = [record for record in records if record.metric == "peak_host_memory"]
    assert {record.variant for record in memory} == {"ours", "native-eager", "native-compile"}


def test_what_is_missing_or_does_not_fit_is_said_before_anything_runs(tmp_path, start, monkeypatch):
    started = Started()
    with pytest.raises(ConfigError, match=r"smoke: bench.sweep: .*image_size: 50"):
        start(tmp_path, started, "bench.sweep=[{ image_size = 50 }]")
    monkeypatch.setattr(bench, "BENCHMARKS", tmp_path / "none")
    with pytest.raises(RunError, match="benchmark files are missing"):
        start(tmp_path, started)
    assert started.commands == []
