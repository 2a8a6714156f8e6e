"""The first steps of a report's own trainings: whether rounding is told from other work, and by what."""

import json

import numpy as np
import pytest

from cxrbench.folders import LOSS_COLUMNS
from cxrbench.parity.bounds import AT_FULL_SIZE, BOUNDS
from cxrbench.report import parity_tables
from cxrbench.report.first_steps import LIMIT, METRICS, first_steps
from cxrbench.report.headline import headline
from cxrbench.report.parity_words import few_words
from cxrbench.report.results import Results, read
from cxrbench.report.sides import read_table
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, change, losses, parity_json, small_config, write_losses

pytestmark = pytest.mark.usefixtures("undrawn")

COUNT = len(BOUNDS)


def reported(config, runs, tmp_path) -> tuple[Results, str]:
    """The results, and the page as a text without line breaks."""
    folder = report_task(config, BACKENDS, runs, tmp_path / "reports")
    return read(folder / "results.json", Results), " ".join((folder / "index.html").read_text().split())


def spoil(runs, **failing):
    (runs / "smoke" / "parity" / "parity.json").write_text(json.dumps(parity_json(small_config(), failing)))


def tables(tmp_path, step=None, metric="g_loss", by=0.0):
    """Losses of all backends, read back from files, of which TensorFlow's differ at one step."""
    found = {}
    for seed, backend in enumerate(BACKENDS):
        values = losses(seed)
        if backend == "tensorflow" and step is not None:
            values[step, METRICS.index(metric)] += by
        write_losses(tmp_path / f"{backend}.csv", values)
        found[backend] = read_table(tmp_path / f"{backend}.csv", LOSS_COLUMNS)
    return found


def test_first_steps_that_are_equal_differ_by_nothing(tmp_path):
    found = first_steps(tables(tmp_path))
    assert (found.steps, found.measured, found.limit, found.passed) == (10, 0.0, LIMIT, True)
    assert found.together == 10 and found.updates_shown


@pytest.mark.parametrize("metric", METRICS)
def test_first_steps_that_differ_are_seen(metric, tmp_path):
    found = first_steps(tables(tmp_path, 7, metric, by=2 * LIMIT))
    assert (found.metric, found.step, found.passed, found.together) == (metric, 7, False, 7)
    assert found.measured == pytest.approx(2 * LIMIT, rel=1e-4) and found.backends[1] == "tensorflow"
    assert first_steps(tables(tmp_path, 7, metric, by=LIMIT / 2)).passed


def test_later_steps_may_differ(tmp_path):
    assert first_steps(tables(tmp_path, 12, by=0.5)).measured == 0.0


def test_a_loss_that_is_not_finite_is_no_agreement(tmp_path):
    found = first_steps(tables(tmp_path, 4, by=np.nan))
    assert found.measured is None and found.step == 4 and not found.passed and not found.updates_shown


def part(runs, step, by):
    """TensorFlow's training differs from the others at one step."""
    values = losses(len("tensorflow"))
    values[step, 1] += by
    write_losses(runs / "smoke" / "tensorflow" / "losses.csv", values)


def test_trainings_that_part_though_float64_agrees_did_the_same_work(config, runs, tmp_path):
    part(runs, 7, 2e-3)
    spoil(runs, full_size_float64=3e-12)
    results, page = reported(config, runs, tmp_path)
    said = headline(results)
    assert said.proof.startswith("All three backends did the same work:")
    assert said.proof.endswith(
        f"{COUNT} of {COUNT} bounds hold. At full size the first 10 steps agree to 3e-12 in float64; the float32 "
        "trainings of this report agree to 1e-3 for 7 steps and differ by 2e-3 at step 7, as trainings of a GAN do "
        "that rounding has parted."
    )
    assert said.proof in page and not any("work" in caveat for caveat in said.caveats)
    assert few_words(results) == f"{COUNT} of {COUNT} bounds; in float32 parted at step 7"
    row = next(row for row in parity_tables.bounds(results).rows if row[0].small == "first_steps")
    assert [cell.text for cell in row[1:]] == ["parted", "2e-3", "1e-3", "g_loss, step 7, JAX and TensorFlow"]


OTHER_WORK = "These backends did not do the same work: "
PARTED = "their trainings differ by 2e-3 at step 7 already"


@pytest.mark.parametrize(
    ("step", "by", "failing", "answer"),
    [
        (0, 2e-3, {}, "their trainings differ by 2e-3 at step 0 already"),
        (1, 2e-3, {}, "their trainings differ by 2e-3 at step 1 already"),
        (7, np.nan, {}, "their trainings differ by a value that is not finite at step 7 already"),
        (7, 2e-3, {"full_size_float64": 1e-9}, f"1 of {COUNT} bounds fails and {PARTED}"),
        (7, 2e-3, {"losses_float32": 0.5}, f"1 of {COUNT} bounds fails and {PARTED}"),
    ],
)
def test_trainings_that_part_otherwise_are_other_work(step, by, failing, answer, config, runs, tmp_path):
    """With the first updates, to no number, or while a bound fails."""
    part(runs, step, by)
    spoil(runs, **failing)
    results, page = reported(config, runs, tmp_path)
    said = headline(results)
    assert said.answer == f"{OTHER_WORK}{answer}. Their speeds do not compare."
    assert said.proof == "" and "**fails**" in few_words(results)
    differs = answer.partition("trainings differ ")[2].removesuffix(" already")
    assert (
        f"in the trainings of this report g_loss of JAX and TensorFlow differs {differs}, bound 1e-3"
        in (said.caveats[0])
    )
    assert f"g_loss, step {step}, JAX and TensorFlow" in page


def test_what_an_earlier_version_could_not_tell_is_not_said(report):
    """Its proof has no float64 at full size, and its first steps do not say how long they stay together."""
    results = read(report / "results.json", Results)
    checks = [check for check in results.parity.checks if check.name != AT_FULL_SIZE]
    first = results.first_steps.model_copy(update={"measured": 2e-3, "step": 7, "together": None})
    parity = results.parity.model_copy(update={"checks": checks})
    results = results.model_copy(update={"parity": parity, "first_steps": first})
    said = headline(results)
    unproven = "Nothing shows that these backends did the same work: "
    assert said.answer == f"{unproven}{PARTED}. Their speeds may not compare."
    assert said.proof == "" and said.further == [] and said.caveats[0].startswith("Perhaps not the same work: ")
    held = f"{COUNT - 1} of {COUNT - 1} bounds"
    assert few_words(results) == f"**not told**: {held}, but not the first steps at full size"
    assert "full size" not in parity_tables.trained(results, parity)
    alone = headline(results.model_copy(update={"parity": None}))
    assert alone.answer == said.answer


@pytest.mark.parametrize(("section", "key", "value"), [("compute", "tf32", True), ("compute", "precision", "float64")])
def test_only_trainings_in_float32_are_held_to_its_bound(section, key, value, config, runs, tmp_path):
    for backend in BACKENDS:
        path = runs / "smoke" / backend / "run.json"
        content = json.loads(path.read_text())
        content["config"][section][key] = value
        change(path, config=content["config"], precision=content["config"]["compute"]["precision"])
    assert reported(config, runs, tmp_path)[0].first_steps is None
