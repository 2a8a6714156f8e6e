"""Trainings from other seeds: their spread stands beside the difference between backends."""

import json
import shutil

import pytest

from cxrbench.config import OFF
from cxrbench.report import seed_words
from cxrbench.report.headline import headline
from cxrbench.report.results import ReportError, Results, read
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, change
from tests.report.fabricate_bench import MACHINE

pytestmark = pytest.mark.usefixtures("undrawn")

METRIC = "intensity_wasserstein_256"


def add_seed(runs, seed, value, name=None, **changes):
    """A copy of JAX's run that was trained from another seed, and scored this."""
    folder = runs / (name or f"smoke-seed{seed}") / "jax"
    shutil.copytree(runs / "smoke" / "jax", folder)
    change(folder / "run.json", seeds={"train": seed, "sample": 1}, **changes)

    records = json.loads((folder / "evaluation.json").read_text())["records"]
    for one in records:
        if (one["metric"], one["backend"]) == (METRIC, "jax"):
            one |= {"value": value, "ci_low": None, "ci_high": None}
    change(folder / "evaluation.json", records=records)
    return folder


def add_unlike(runs, seed, **changes):
    """The same, and both its training and its evaluation are of something else."""
    folder = add_seed(runs, seed, 5.0, **changes)
    known = {"steps": "step", "data_fingerprint": "data_fingerprint"}
    change(folder / "evaluation.json", **{known[key]: value for key, value in changes.items()})
    return folder


def with_seed_runs(results, *changes, backend="jax"):
    """A report that has a further training of a backend for each of these changes: from seed 1, from seed 2 and on."""
    main = results.manifest.runs[backend]
    further = [main.model_copy(update={"seeds": {"train": n}} | one) for n, one in enumerate(changes, start=1)]
    by_backend = results.manifest.seed_runs | {backend: further}
    return results.model_copy(update={"manifest": results.manifest.model_copy(update={"seed_runs": by_backend})})


def reported(config, runs, tmp_path):
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    return read(folder / "results.json", Results), (folder / "report.md").read_text()


def assert_first_seed_is_beside(results, but):
    """Seed 1, which scored 123, and nothing else; another training is left out for this reason."""
    (found,) = [one for one in results.seeds if one.metric == METRIC]
    assert [*found.values] == ["0", "1"] and found.values["1"] == 123.0
    assert [one.reason for one in results.not_measured if one.metric == "seed"] == [but]


def test_seeds_are_gathered_and_shown(config, runs, tmp_path):
    for seed, value in ((1, 123.0), (2, 0.125)):
        add_seed(runs, seed, value)
    results, text = reported(config, runs, tmp_path)
    (found,) = [one for one in results.seeds if one.metric == METRIC]
    assert (
        found.backend == "jax" and found.values["1"] == 123.0 and found.values["2"] == 0.125 and len(found.values) == 3
    )
    assert "| JAX | PyTorch | TensorFlow | JAX (from seed 1) | JAX (from seed 2) |" in text  # of the trainings
    row = next(line for line in text.splitlines() if line.startswith("| Pixel intensities, Wasserstein-1"))
    assert "JAX: 0.125 to 123" in row and "3 seeds" in row
    for seed in (1, 2):
        further = f"--config smoke --set train.seed={seed} --set name=smoke-seed{seed}"
        assert f"python -m cxrbench train {further} --backend jax\n" in text
        assert f"python -m cxrbench evaluate {further} --backends jax\n" in text


def test_seeds_stand_in_the_order_of_their_numbers(config, runs, tmp_path):
    for seed in (10, 2, 1):
        add_seed(runs, seed, 5.0)
    results, _ = reported(config, runs, tmp_path)
    assert [run.seeds["train"] for run in results.manifest.seed_runs["jax"]] == [1, 2, 10]


def test_without_other_seeds_there_is_no_column(config, runs, tmp_path):
    results, text = reported(config, runs, tmp_path)
    assert results.seeds == [] and "Between seeds" not in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 8}, "its steps cannot be set beside"),
        ({"data_fingerprint": "f" * 16}, "its data cannot be set beside"),
    ],
)
def test_a_training_that_differs_in_more_is_left_out(changes, said, config, runs, tmp_path, capsys):
    add_unlike(runs, 1, **changes)
    results, _ = reported(config, runs, tmp_path)
    assert results.seeds == [] and said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"step": 8}, "evaluation.json is of step 8, the run has 16 steps; run: python -m cxrbench sample "),
        ({"training_fingerprint": "f" * 16}, "evaluation.json is of training settings ffffffffffffffff"),
        ({"samples_sha256": "f" * 64}, "evaluation.json is of other samples than those in samples/ now"),
    ],
)
def test_an_evaluation_of_something_else_is_left_out_with_what_renews_it(changes, said, config, runs, tmp_path):
    change(add_seed(runs, 1, 5.0) / "evaluation.json", **changes)
    results, _ = reported(config, runs, tmp_path)
    (gap,) = [one.reason for one in results.not_measured if one.metric == "seed"]
    assert results.seeds == [] and said in gap
    assert "evaluate --config smoke --set name=smoke-seed1 --set train.seed=1" in gap


def test_a_damaged_seed_does_not_keep_the_report_from_being_written(config, runs, tmp_path):
    (add_seed(runs, 1, 5.0) / "losses.csv").write_text("step\n1\n")
    results, _ = reported(config, runs, tmp_path)
    (gap,) = [one.reason for one in results.not_measured if one.metric == "seed"]
    assert results.seeds == [] and "losses.csv: its columns are step" in gap


def test_the_data_of_an_evaluation_must_be_those_of_its_training(config, runs, tmp_path):
    change(add_seed(runs, 1, 5.0) / "evaluation.json", data_fingerprint="f" * 16)
    results, _ = reported(config, runs, tmp_path)
    assert [one.reason for one in results.not_measured if one.metric == "seed"] == [
        "smoke-seed1: its data cannot be set beside smoke's"
    ]


def test_the_commands_train_the_seeds_before_the_report(config, runs, tmp_path):
    add_seed(runs, 1, 5.0)
    lines = reported(config, runs, tmp_path)[0].manifest.command.splitlines()
    assert "train.seed=1" in lines[-2] and " evaluate " in lines[-2]
    assert lines[-1].startswith("python -m cxrbench report --config smoke --backends")
    assert sum(" report " in line for line in lines) == 1
    assert not [line for line in lines if "nox -s compare" in line]  # it would write the report without the seeds


def test_a_report_with_seeds_is_not_replaced_by_one_without(config, runs, tmp_path):
    folder = add_seed(runs, 1, 5.0)
    reported(config, runs, tmp_path)
    shutil.rmtree(folder)
    with pytest.raises(ReportError, match="has the training from seed 1 of jax, which the runs here lack") as refused:
        reported(config, runs, tmp_path)
    assert "--backends" not in str(refused.value).partition("run: ")[0]  # that would leave out the main seed, too
    assert str(refused.value).endswith("run: nox -s report -- --config smoke --name smoke-again")


def test_a_training_of_the_same_seed_is_left_out(config, runs, tmp_path, capsys):
    add_seed(runs, 0, 5.0, name="smoke-seed0")
    assert reported(config, runs, tmp_path)[0].seeds == []
    assert "its seed cannot be set beside" in capsys.readouterr().out


def test_a_seed_of_before_a_setting_came_is_beside_and_one_where_it_is_on_is_not(config, runs, tmp_path):
    earlier, on = config.model_dump(mode="json"), config.model_dump(mode="json")
    for section, off in OFF.items():
        for key in off:
            del earlier[section][key]
    earlier["train"]["seed"], on["train"]["seed"] = 1, 2
    on["objective"]["average_decay"] = 0.9
    add_seed(runs, 1, 123.0, config=earlier)
    add_seed(runs, 2, 124.0, config=on)
    results, _ = reported(config, runs, tmp_path)
    assert_first_seed_is_beside(results, but="smoke-seed2: its settings cannot be set beside smoke's")


def test_what_is_left_out_stands_among_what_was_not_measured(config, runs, tmp_path):
    add_unlike(runs, 1, steps=8)
    (add_seed(runs, 2, 6.0) / "evaluation.json").unlink()
    results, text = reported(config, runs, tmp_path)
    assert [(one.backend, one.reason) for one in results.not_measured if one.metric == "seed"] == [
        ("jax", "smoke-seed1: its steps cannot be set beside smoke's"),
        ("jax", "smoke-seed2: it was not trained and evaluated"),
    ]
    assert "- **A training from another seed, JAX**: smoke-seed1: its steps cannot be set beside smoke's" in text
    assert "- **A training from another seed, JAX**: smoke-seed2: it was not trained and evaluated" in text
    assert results.manifest.seed_runs == {} and results.seeds == []


def test_of_two_trainings_of_one_seed_the_first_is_kept_and_the_second_said(config, runs, tmp_path):
    add_seed(runs, 1, 0.125, name="smoke-seed1-again")
    add_seed(runs, 1, 123.0)
    results, _ = reported(config, runs, tmp_path)
    taken = "smoke-seed1-again: its seed cannot be set beside smoke's; smoke-seed1 has seed 1, too"
    assert_first_seed_is_beside(results, but=taken)


def test_seeds_of_a_backend_without_an_evaluation_are_said(config, runs, tmp_path):
    add_seed(runs, 1, 5.0)
    (runs / "smoke" / "jax" / "evaluation.json").unlink()
    results, _ = reported(config, runs, tmp_path)
    (gap,) = [one for one in results.not_measured if one.metric == "seed"]
    assert gap.backend == "jax" and gap.reason.startswith("smoke-seed1: this report has no training of this backend")


def test_a_report_keeps_where_its_seeds_were_trained_and_says_what_does_not_compare(config, runs, tmp_path):
    elsewhere = {"device": "gpu", "machine": MACHINE | {"gpu": "Some GPU"}}
    add_seed(runs, 1, 5.0, commit="f" * 40, train_seconds=99.5, status="stopped", **elsewhere)
    add_seed(runs, 2, 6.0)
    results, text = reported(config, runs, tmp_path)
    assert [*results.manifest.seed_runs] == ["jax"]
    stranger, alike = results.manifest.seed_runs["jax"]
    assert (stranger.seeds["train"], stranger.commit, stranger.train_seconds) == (1, "f" * 40, 99.5)
    assert (stranger.status, stranger.device, stranger.machine["gpu"]) == ("stopped", "gpu", "Some GPU")
    assert (alike.seeds["train"], alike.commit) == (2, results.manifest.runs["jax"].commit)
    said = [
        "Trained with another version of this project or of its packages than the backend's main seed: "
        "JAX from seed 1. A spread between these seeds may be one between versions.",
        "Trained on another machine or device than the backend's main seed: JAX from seed 1. "
        "Training times do not compare between these seeds.",
        "Training from a further seed has not finished: JAX from seed 1.",
    ]
    assert seed_words.caveats(results) == said
    assert set(said) <= set(headline(results).caveats)
    assert all(f"- {one}" in text for one in said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"machine": MACHINE | {"os": "Linux 7.0"}}, []),  # no part of what decides a speed
        ({"commit": "f" * 40}, ["another version"]),
        ({"versions": {"keras": "3.16.0", "jax": "1.2.3"}}, ["another version"]),
        ({"machine": MACHINE | {"cpu": "Other"}}, ["another machine"]),
        ({"device": "gpu"}, ["another machine"]),
        ({"clean": False}, ["another version"]),  # of this project, since what changed is in no commit
        ({"status": "running"}, ["not finished"]),
        ({"train_seconds": 1.04 * 75.4}, []),
        ({"train_seconds": 1.06 * 75.4}, ["a time more than 5 % from that of"]),
        ({"train_seconds": 0.94 * 75.4}, ["their minutes do not compare"]),
    ],
)
def test_each_difference_of_a_seed_is_said_by_itself(changes, said, results):
    caveats = seed_words.caveats(with_seed_runs(results, changes))
    assert len(caveats) == len(said) and all(part in one for part, one in zip(said, caveats, strict=True))


@pytest.mark.parametrize("key", ["commit", "clean", "versions", None])
def test_a_seed_whose_images_were_measured_otherwise_is_said(key, config, runs, tmp_path):
    folder = add_seed(runs, 1, 5.0)
    origin = json.loads((folder / "evaluation.json").read_text())["origin"]
    other = {
        "commit": "f" * 40,
        "clean": not origin["clean"],
        "versions": origin["versions"] | {"onnxruntime": "9.9.9"},
    }
    changes = {key: other[key]} if key else {}
    change(folder / "evaluation.json", origin=origin | changes)
    results, text = reported(config, runs, tmp_path)
    said = "Measured with another version of this project or of its packages than the backend's main seed: JAX from"
    assert (f"{said} seed 1. Evaluate them again." in text) is bool(changes)
    assert [one.commit for one in results.manifest.seed_evaluations["jax"]] == [(origin | changes)["commit"]]


def test_seeds_of_several_backends_are_named_with_theirs(results):
    other = {"commit": "f" * 40}
    made = with_seed_runs(with_seed_runs(results, other, {}, other), other, backend="torch")
    (said,) = seed_words.caveats(made)
    assert "main seed: JAX from seeds 1 and 3; PyTorch from seed 1." in said
