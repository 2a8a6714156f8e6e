"""A report run again: what is refused before anything runs, which stages run and where, and what is said at the end.

The engines are played by programs that note how they were called and copy what the real ones would write.
"""

import json
import shutil
import signal
import sys
from pathlib import Path

import pytest

from cxrbench.configfile import load_config
from cxrbench.errors import RunError
from cxrbench.folders import parity_folder, write_json
from cxrbench.report.results import Results, read
from cxrbench.tasks import environments, reproduce
from cxrbench.tasks.report import report_task
from cxrbench.tasks.reproduce import reproduce_task
from tests.report.fabricate import (
    BACKENDS,
    COMMIT,
    change,
    parity_json,
    record,
    three_runs,
)
from tests.tasks.reproducing import AGAIN, BENCH, CONFIG, as_if_at, calls


def test_a_whole_report_again_in_each_engines_environment(place, capsys):
    made = three_runs(CONFIG, place / "made")
    parity_folder(CONFIG, made).result.unlink()  # its stages are listed by a test of their own
    report = report_task(CONFIG, BACKENDS, made, place / "reports")
    shutil.copytree(made / "smoke", place / "source", dirs_exist_ok=True)
    shutil.copytree(place / "made" / "datasets", place / "datasets")
    bench = json.loads((place / "source" / "torch" / "bench.json").read_text())
    bench["records"][0] |= {"value": 0.1075, "ci_low": 0.1070, "ci_high": 0.1081}  # reaches into 0.1080 to 0.1150
    bench["records"][1] |= {"value": 2 * bench["records"][1]["value"]}
    write_json(place / "source" / "torch" / "bench.json", bench)

    reproduce_task(report)

    rows = [json.loads(line) for line in Path("calls").read_text().splitlines()]
    each = [(stage, backend) for backend in BACKENDS for stage in ("train", "sample")]
    assert [tuple(row[:2]) for row in rows] == [BENCH, *each]
    assert all(row[2] == row[1] and row[3] == f"env-{row[1]}" for row in rows[1:])
    again = load_config(AGAIN / "experiment.toml")
    assert again.name == "smoke-again" and again.training_fingerprint == CONFIG.training_fingerprint
    new = read(AGAIN / "report" / "results.json", Results)
    assert (AGAIN / "report" / "index.html").exists() and new.backends == BACKENDS
    kept = json.loads((AGAIN / "verdicts.json").read_text())
    unlike = {one["name"]: (one["verdict"], one["ratio"]) for one in kept["values"] if one["verdict"] != "same"}
    assert unlike["step_time"][0] == "within its interval" and unlike["first_step_time"] == ("different", 2.0)
    assert set(unlike) == {"step_time", "first_step_time"}
    values = 3 + len(read(report / "results.json", Results).records)
    said = capsys.readouterr().out
    assert f"{values} values: {values - 2} same, 1 within their interval or bound, 1 different, 0 missing" in said
    assert said.index("reproduce: bench") < said.index("reproduce: train jax") < said.index("reproduce: evaluate")


def test_only_stages_that_the_report_has_results_of_are_run(timed):
    reproduce_task(timed)
    assert calls() == [BENCH]
    assert not Path("datasets").exists()


def test_parity_is_shown_before_training_on_every_backend(trained):
    write_json(parity_folder(CONFIG).result, parity_json(CONFIG))
    report_task(CONFIG, BACKENDS, Path("runs"), Path("reports"))
    stages = reproduce._stages(read(trained / "results.json", Results), Path("data"))
    each = [f"{stage} {backend}" for stage in ("parity record", "parity exchange") for backend in BACKENDS]
    assert [str(stage) for stage in stages] == [*each, "parity", *(f"train {backend}" for backend in BACKENDS)]
    command = stages[6].command(Path("experiment.toml"), {})
    assert command[0] == sys.executable and command[3:] == [
        "parity", "--config", "experiment.toml", "--backends", *BACKENDS
    ]  # fmt: skip


def test_a_failing_stage_is_named_with_its_command_and_stops_the_rest(trained):
    Path("act-train-jax").write_text("sys.exit(3)")
    said = r"train jax failed with exit status 3.*env-jax/bin/python -m cxrbench train --config .*--backend jax"
    with pytest.raises(RunError, match=said):
        reproduce_task(trained)
    assert calls() == [BENCH, ("train", "jax")]
    assert not (AGAIN / "verdicts.json").exists()


def test_ctrl_c_waits_for_the_stage_and_starts_no_other(trained):
    Path("act-train-jax").write_text(
        "os.kill(os.getppid(), signal.SIGINT); time.sleep(0.5); Path('saved').touch(); sys.exit(130)"
    )
    with pytest.raises(KeyboardInterrupt, match="stopped in train jax"):
        reproduce_task(trained)
    assert Path("saved").exists() and calls() == [BENCH, ("train", "jax")]


def test_sigterm_is_handed_on_to_the_stage(trained):
    before = signal.getsignal(signal.SIGTERM)
    Path("act-train-jax").write_text(
        "signal.signal(signal.SIGTERM, lambda *_: (Path('saved').touch(), sys.exit(0)))\n"
        "os.kill(os.getppid(), signal.SIGTERM)\n"
        "time.sleep(30)\n"
    )
    with pytest.raises(KeyboardInterrupt):
        reproduce_task(trained)
    assert Path("saved").exists() and calls() == [BENCH, ("train", "jax")]
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_speeds_are_no_error_and_a_missing_value_is(timed, capsys):
    bench = Path("source/torch/bench.json")
    content = json.loads(bench.read_text())
    content["records"][0] |= {"value": 9.0, "ci_low": 8.0, "ci_high": 10.0}
    write_json(bench, content)
    reproduce_task(timed)
    assert "1 different, 0 missing" in capsys.readouterr().out
    change(bench, records=content["records"][1:])
    with pytest.raises(RunError, match="verdicts.json: this is not the report's experiment: 1 values .* missing$"):
        reproduce_task(timed)
    assert "0 different, 1 missing" in json.loads((AGAIN / "verdicts.json").read_text())["summary"]


def test_another_fingerprint_is_an_error_after_everything_was_said(timed, capsys):
    manifest = json.loads((timed / "results.json").read_text())["manifest"]
    change(timed / "results.json", manifest=manifest | {"training_fingerprint": "f" * 16})
    with pytest.raises(RunError, match="the fingerprint of training settings is not the report's$"):
        reproduce_task(timed)
    assert "*** TRAINING SETTINGS DIFFER: ffffffffffffffff in the report" in capsys.readouterr().out
    assert (AGAIN / "verdicts.json").exists()


def test_other_data_are_said_before_training(trained, capsys):
    Path("act-train-jax").write_text("sys.exit(1)")
    with pytest.raises(RunError, match="train jax failed"):
        reproduce_task(trained)
    said = capsys.readouterr().out
    assert said.index("*** THE DATA DIFFER: 00112233aabbccdd in the report") < said.index("reproduce: train jax")


def interrupted(report: Path) -> Path:
    """A reproduction that failed, with a file as training would leave it."""
    act = Path("act-bench")
    act.touch()
    with pytest.raises(RunError):
        reproduce_task(report)
    act.unlink()
    left = AGAIN / "torch" / "checkpoint"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.touch()
    return left


def test_an_interrupted_reproduction_goes_on_and_a_finished_one_begins_anew(timed, monkeypatch):
    as_if_at(monkeypatch, COMMIT)
    left = interrupted(timed)
    reproduce_task(timed)
    assert left.exists()
    reproduce_task(timed)
    assert not left.exists()


@pytest.mark.parametrize("change_of", ["commit", "uncommitted changes", "report", "versions"])
def test_a_reproduction_is_not_mixed_with_one_of_other_circumstances(change_of, timed, monkeypatch):
    as_if_at(monkeypatch, COMMIT, clean=change_of != "uncommitted changes")
    left = interrupted(timed)
    if change_of == "commit":
        as_if_at(monkeypatch, "f" * 40)
    if change_of == "report":
        change(timed / "results.json", not_measured=[])
    if change_of == "versions":
        describe = environments.DESCRIBE.replace("machine.versions()", "machine.versions() | {'jax': '9.9'}")
        monkeypatch.setattr(environments, "DESCRIBE", describe)
    reproduce_task(timed)
    assert not left.exists()


def test_a_folder_of_the_users_is_left_alone(timed):
    own = AGAIN / "torch" / "run.json"
    write_json(own, {})
    with pytest.raises(RunError, match="smoke-again: was not made by reproduce.*move it away"):
        reproduce_task(timed)
    assert own.exists() and not calls()


def test_a_report_is_not_replaced_by_its_own_reproduction(timed):
    inside = Path(shutil.copytree(timed, AGAIN / "report"))
    write_json(AGAIN / "reproduction.json", {})
    with pytest.raises(RunError, match="which its reproduction would replace"):
        reproduce_task(inside)
    assert (inside / "results.json").exists()


def test_a_value_that_only_the_reproduction_has_is_no_error(timed, capsys):
    bench = Path("source/jax/bench.json")
    more = record(CONFIG, "jax", "peak_device_memory", 1e9, device="gpu")
    change(bench, records=[*json.loads(bench.read_text())["records"], more])
    reproduce_task(timed)
    said = capsys.readouterr().out
    assert "missing in the report" in said and "0 different, 1 missing" in said
