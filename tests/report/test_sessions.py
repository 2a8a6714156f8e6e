"""A training that several processes made in turn: what a report says of it, and that nothing is said of like ones."""

import json

import pytest

from cxrbench.measure.machine import HARDWARE
from cxrbench.report import origin_tables
from cxrbench.report.headline import headline
from cxrbench.report.results import Results, read
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, change
from tests.report.fabricate_bench import COMMIT, MACHINE

OTHER = {"cpu": "Other CPU", "cores": 64}
SUM = "its training time is a sum over them, and each is listed below."
UNKNOWN = {"first_step": 0, "steps": 8, "seconds": 30.0}


def session(first_step, steps, seconds, **changes):
    return {
        "first_step": first_step,
        "steps": steps,
        "seconds": seconds,
        "started": "2026-01-02T03:04:05+00:00",
        "backend": "torch",
        "commit": COMMIT,
        "clean": True,
        "device": "cpu",
        "machine": {key: MACHINE.get(key) for key in HARDWARE},
    } | changes


def with_sessions(results, *sessions) -> Results:
    """PyTorch's training, made in these."""
    content = json.loads(results.model_dump_json())
    content["manifest"]["runs"]["torch"]["sessions"] = sessions
    return Results.model_validate(content)


def added(results, changed):
    """The caveats that there were not before."""
    return [one for one in headline(changed).caveats if one not in headline(results).caveats]


def row(results, name):
    rows = origin_tables.training(results).rows
    return {cells[0].text: [cell.text for cell in cells[1:]] for cells in rows}.get(name)


def test_an_interruption_alone_is_told_in_the_table_and_is_no_caveat(results):
    changed = with_sessions(results, session(0, 8, 30.0), session(8, 16, 45.4))
    assert headline(changed) == headline(results)
    assert row(results, "Sessions") is None
    assert row(changed, "Sessions")[BACKENDS.index("torch")] == (
        "to step 8 in 30.0 s by PyTorch on cpu (Imaginary CPU 3000, 2 cores), commit 0123456789ab; "
        "to step 16 in 45.4 s by PyTorch on cpu (Imaginary CPU 3000, 2 cores), commit 0123456789ab"
    )


@pytest.mark.parametrize(
    ("unlike", "how"),
    [
        ({"machine": OTHER}, "on different machines"),
        ({"device": "gpu"}, "on different devices"),
        ({"commit": "f" * 40}, "with different versions of this project"),
        ({"clean": False}, "with different versions of this project"),
        ({"backend": "jax"}, "by different backends"),
        ({"machine": OTHER, "commit": "f" * 40}, "on different machines and with different versions of this project"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_sessions_that_differ_are_said_with_what_that_means_for_the_time(results, unlike, how, place):
    sessions = [session(0, 8, 30.0), session(8, 16, 45.4)]
    sessions[place] |= unlike
    assert f"PyTorch was trained in 2 sessions, {how}: {SUM}" in added(results, with_sessions(results, *sessions))


def test_every_session_is_compared_with_the_other_backends_the_benchmark_and_the_proof(results):
    elsewhere = session(0, 8, 30.0, machine=OTHER, commit="f" * 40)
    said = " ".join(added(results, with_sessions(results, elsewhere, session(8, 16, 45.4))))
    assert "The backends ran different versions of this project" in said
    assert "The backends were trained on different machines: their training times do not compare." in said
    assert "Parity was shown with another version of this project than ran: PyTorch." in said
    assert "Parity was shown with other packages or on another machine than ran: PyTorch." in said
    assert "than trained" not in said  # what was timed is what trained the rest
    said = " ".join(added(results, with_sessions(results, elsewhere, elsewhere | {"first_step": 8, "steps": 16})))
    assert "PyTorch: timed with another version of this project than trained." in said
    assert "PyTorch: timed on another machine than trained." in said
    assert "sessions" not in said  # both are alike


def test_a_process_that_trained_no_step_is_none(results):
    changed = with_sessions(results, session(0, 16, 75.4), session(16, 16, 0.0, machine=OTHER))
    assert headline(changed) == headline(results) and row(changed, "Sessions") is None


def test_what_is_not_recorded_is_said(results):
    assert added(results, with_sessions(results, UNKNOWN, session(8, 16, 45.4))) == [
        "PyTorch: where and with what its first 8 steps were trained is not recorded."
    ]


def test_runs_of_an_earlier_version_have_no_sessions(results):
    content = json.loads(results.model_dump_json())
    for run in content["manifest"]["runs"].values():
        del run["sessions"]
    assert Results.model_validate(content) == results


@pytest.mark.usefixtures("undrawn")
def test_a_written_report_has_the_caveat_each_session_and_no_single_commit(config, runs, tmp_path):
    sessions = [session(0, 8, 30.0, commit="f" * 40), session(8, 16, 45.4)]
    change(runs / "smoke" / "torch" / "run.json", sessions=sessions)
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    for file in ("report.md", "index.html"):
        text = " ".join((folder / file).read_text().split())
        assert f"PyTorch was trained in 2 sessions, with different versions of this project: {SUM}" in text
        assert "commit ffffffffffff; to step 16 in 45.4 s" in text
    manifest = read(folder / "results.json", Results).manifest
    assert [one.commit for one in manifest.runs["torch"].sessions] == ["f" * 40, COMMIT]
    assert manifest.commit is None
