"""Two reports in files: what is printed, what is warned of, and the answer that a CI job goes by."""

import json
from pathlib import Path

import numpy as np
import pytest

from cxrbench.report.results import ReportError
from cxrbench.tasks.compare import compare_task
from tests.report.fabricate import COMMIT, MACHINE, record, run_json, small_config, timing

CONFIG = small_config()
STEADY = np.array([0.990, 0.996, 1.000, 1.003, 1.008])


def figure(times, metric="step_time", backend="jax", **changes):
    times = [float(time) for time in times]
    middle = float(np.median(times))
    ends = {"ci_low": min(times), "ci_high": max(times)}
    return record(CONFIG, backend, metric, middle, n=len(times), values=times, **ends, **changes)


def saved(folder, *records, config=CONFIG, timings=None, **changes) -> Path:
    about = {
        "name": folder.name, "created": "2026-01-02T03:04:05+00:00", "commit": COMMIT, "clean": True,
        "config": config.model_dump(mode="json"), "config_fingerprint": config.fingerprint,
        "training_fingerprint": config.training_fingerprint, "data_fingerprint": None, "attribution": None,
        "command": "-", "runs": {"jax": run_json(config, "jax")},
        "benchmarks": {backend: timing(config, backend) for backend in ("jax", "torch")} | (timings or {}),
    }  # fmt: skip
    folder.mkdir()
    results = {"manifest": about, "records": list(records), "not_measured": []} | changes
    (folder / "results.json").write_text(json.dumps(results))
    return folder


@pytest.fixture
def compared(tmp_path, capsys):
    """The answer and the printed text of comparing two sets of records; ``changes`` are of the new report."""

    def run(old, new, factor=1.02, metrics=None, **changes):
        sides = saved(tmp_path / "before", *old), saved(tmp_path / "after", *new, **changes)
        return compare_task(*sides, factor, metrics), capsys.readouterr().out

    return run


def test_a_regression_is_answered_and_shown(compared):
    old = [figure(0.3 * STEADY), figure(0.2 * STEADY, backend="torch")]
    new = [figure(0.3 * STEADY), figure(0.23 * STEADY, backend="torch")]
    passed, shown = compared(old, new)
    assert not passed
    jax, torch = (line for line in shown.splitlines() if line.startswith(("  JAX", "  PyTorch")))
    assert jax.endswith("cannot be told") and "+0.0%" in jax
    assert torch.endswith("slower") and "+15.0%" in torch and "200 ms (198 to 202)" in torch
    assert len({line.index("cpu, float32") for line in (jax, torch)}) == 1
    assert "2 compared: 1 slower, 1 cannot be told" in shown
    assert "warning" not in shown


def test_better_alone_is_no_regression(compared):
    passed, shown = compared([figure(0.3 * STEADY)], [figure(0.25 * STEADY)])
    assert passed and "1 compared: 1 faster" in shown


def test_figures_are_grouped_by_metric_in_plain_text(compared):
    records = [
        figure(0.3 * STEADY), figure(1e9 * STEADY, "peak_host_memory"), figure(0.2 * STEADY, backend="torch"),
    ]  # fmt: skip
    _, shown = compared(records, records)
    heads = ["Time per training step", "Peak host memory"]
    assert [line for line in shown.splitlines() if line in heads] == heads
    assert shown.isascii() and shown.isprintable() is False and "\x1b" not in shown


def test_only_chosen_metrics_decide(compared):
    old = [figure(0.3 * STEADY), figure(1e9 * STEADY, "peak_host_memory")]
    new = [figure(0.3 * STEADY), figure(2e9 * STEADY, "peak_host_memory")]
    passed, shown = compared(old, new, metrics=["step_time"])
    assert passed and "memory" not in shown


def test_the_factor_decides(compared):
    assert compared([figure(0.3 * STEADY)], [figure(0.33 * STEADY)], factor=1.2)[0]


def test_what_one_report_has_alone_is_named(compared):
    both = figure(0.3 * STEADY)
    passed, shown = compared([both, figure(STEADY, "build_time")], [both, figure(STEADY, backend="torch")])
    assert not passed, "what crashed must not pass for what did not get slower"
    assert any(line.startswith("only in OLD: ") and "JAX" in line for line in shown.splitlines())
    assert "only in NEW: Time per training step, PyTorch" in shown


def test_a_report_without_values_per_process_is_said(compared):
    earlier = figure(STEADY, "first_step_time") | {"values": []}
    _, shown = compared([earlier, figure(STEADY)], [figure(STEADY, "first_step_time"), figure(STEADY)])
    assert "not tested, no values per process in one of them: First step" in shown


def test_all_that_is_not_like_for_like_is_warned_of(compared):
    same = [figure(STEADY), figure(STEADY, backend="torch")]
    other = small_config(train_batch_size="8")
    timings = {
        "jax": timing(other, "jax", machine=MACHINE | {"cores": 64}, versions={"keras": "3.15.1", "jax": "9"}),
        "torch": timing(other, "torch", machine=MACHINE | {"cores": 64}, environment={"OMP_NUM_THREADS": "1"}),
    }
    _, shown = compared(same, same, config=other, timings=timings)
    said = [line.removeprefix("warning: ") for line in shown.splitlines() if line.startswith("warning: ")]
    fingerprints = f"{CONFIG.training_fingerprint} in OLD, {other.training_fingerprint} in NEW"
    assert f"another experiment: training fingerprint {fingerprints}" in said
    assert f"setting train.batch_size: {CONFIG.train.batch_size} in OLD, 8 in NEW" in said
    assert "machine cores: 2 in OLD, 64 in NEW" in said  # of both backends: once, without their names
    assert "JAX: version of jax: 1.2.3 in OLD, 9 in NEW" in said
    assert "PyTorch: environment flag OMP_NUM_THREADS: none in OLD, 1 in NEW" in said
    assert not any("keras" in line.lower() and "version" in line for line in said)


def test_other_numbers_of_processes_are_warned_of(compared):
    _, shown = compared([figure(STEADY)], [figure([*STEADY, 1.0])])
    assert "warning: 1 of 1 figures: 5 processes in OLD, 6 in NEW" in shown


def test_too_few_processes_are_no_pass(tmp_path, capsys):
    old, new = saved(tmp_path / "old", figure(STEADY[:3])), saved(tmp_path / "new", figure(9 * STEADY[:3]))
    with pytest.raises(ReportError, match="nothing can be told"):
        compare_task(old, new, 1.02)
    shown = capsys.readouterr().out
    assert "cannot tell any difference: their smallest p is 0.100" in shown
    assert "It takes 4 on each side, or 5 in NEW beside the 3 in OLD" in shown


def test_disturbed_processes_are_warned_of(compared):
    process = {
        "session": "one", "before": {}, "after": {},
        "backend": "jax", "variant": "ours", "precision": "float32", "image_size": 32, "batch_size": 8, "repeat": 0,
        "place": 0, "compiled": "-", "warmup_steps": 3, "warm": True, "block_steps": 4, "step_times": [0.3],
        "concerns": ["another program used the processor"],
    }  # fmt: skip
    processes = [process, process | {"concerns": []}]
    _, shown = compared([figure(STEADY)], [figure(STEADY)], processes=processes)
    assert "1 of 2 processes in NEW were disturbed; the first: another program used the processor" in shown
    assert "processes in OLD" not in shown


def test_a_change_of_everything_at_once_may_be_the_machine(compared):
    sizes = range(32, 38)
    old = [figure(STEADY, image_size=size) for size in sizes]
    _, shown = compared(old, [figure(1.03 * STEADY, image_size=size) for size in sizes])
    assert "all 6 step times changed the same way, by +3.0% in the middle" in shown


@pytest.mark.parametrize("changes", [[0.99] + 5 * [1.03], 5 * [1.03]])
def test_a_change_that_is_not_of_everything_or_of_little_is_not_the_machine(compared, changes):
    old = [figure(STEADY, image_size=size) for size, _ in enumerate(changes, start=1)]
    new = [figure(change * STEADY, image_size=size) for size, change in enumerate(changes, start=1)]
    assert "changed the same way" not in compared(old, new)[1]


def test_a_file_is_as_good_as_its_folder(tmp_path):
    old, new = saved(tmp_path / "old", figure(STEADY)), saved(tmp_path / "new", figure(2 * STEADY))
    assert compare_task(old / "results.json", new, 1.02) is compare_task(old, new / "results.json", 1.02) is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"old": "nowhere"}, "nowhere: cannot be read"),
        ({"factor": 0.98}, "--factor: 0.98 must be at least 1"),
        ({"metrics": ["images_per_second"]}, "--metric: images_per_second is none of those"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(tmp_path, arguments, said):
    report = saved(tmp_path / "report", figure(STEADY))
    options = {"old": report, "new": report, "factor": 1.02} | arguments
    with pytest.raises(ReportError, match=said):
        compare_task(Path(options.pop("old")), **options)
