"""Whether the backends did the same work: said first, in numbers, and with no praise where they did not."""

import json

import pytest

from cxrbench.parity.bounds import BOUNDS
from cxrbench.report import parity_tables
from cxrbench.report.headline import headline
from cxrbench.report.parity_words import few_words, unproven
from cxrbench.report.results import Results, read
from cxrbench.tasks.report import report_task
from tests.report.fabricate import BACKENDS, change, parity_json, small_config, witness

pytestmark = pytest.mark.usefixtures("undrawn")

COMMANDS = "nox -s parity -- --config smoke, then nox -s report -- --config smoke"
COUNT = len(BOUNDS)
PARITY = ("smoke", "parity", "parity.json")


def reported(config, runs, place, backends=BACKENDS, name=None) -> tuple[Results, str, str]:
    """The results, and the page and its Markdown twin as texts without line breaks."""
    folder = report_task(config, backends, runs, place / "reports", name)
    texts = [(folder / file).read_text().replace("&#39;", "'") for file in ("index.html", "report.md")]
    page, markdown = (" ".join(text.split()) for text in texts)
    return read(folder / "results.json", Results), page, markdown


def spoil(runs, **failing):
    runs.joinpath(*PARITY).write_text(json.dumps(parity_json(small_config(), failing)))


def test_a_proof_that_holds_is_one_sentence_with_its_numbers(report, results):
    said = headline(results)
    assert said.proof == (
        "All three backends did the same work: in float64 the losses of 100 steps agree to 2.2e-16 and all weights to "
        f"5.1e-14; in float32 the first 10 steps to 1.2e-7. {COUNT} of {COUNT} bounds hold."
    )
    assert not any("work" in caveat for caveat in said.caveats) and "JAX was fastest" in said.further[0]
    for file in ("index.html", "report.md"):
        text = (report / file).read_text()
        assert text.index(said.proof) < text.index("Speed")


def test_what_helps_small_data_sets_is_named_where_it_is_on():
    settings = small_config().model_dump(mode="json")
    settings["optimizer"]["half_life"] = 2000
    settings["model"]["spectral_norm"] = True
    settings["objective"] |= {"loss": "hinge", "augmentation": ["color"], "average_decay": 0.9, "gate_accuracy": 1.0}
    assert parity_tables._stabilisations(settings)[-6:] == [
        "moving average of the generator 0.9", "augmentation by color", "a hinge loss", "spectral normalization",
        "learning rates that halve within 2,000 updates", "2 generator updates per step",
    ]  # fmt: skip
    for section, key in (("optimizer", "half_life"), ("model", "spectral_norm"), ("objective", "average_decay")):
        del settings[section][key]  # as in a report of before
    assert parity_tables._stabilisations(settings)[-3:] == [
        "augmentation by color", "a hinge loss", "2 generator updates per step"
    ]  # fmt: skip


def test_parity_comes_before_speed_with_every_bound(report):
    for file in ("index.html", "report.md"):
        text = (report / file).read_text()
        section = text[text.index("Parity</h2>" if file == "index.html" else "## Parity") :]
        section = section[: section.index("Speed</h2>" if file == "index.html" else "## Speed")]
        for name, bound in BOUNDS.items():
            assert (
                name in section
                and bound.group in section
                and bound.about.replace("'", "") in section.replace("&#39;", "").replace("'", "")
            )
        assert section.count("holds") == COUNT + 1 and "FAILS" not in section and "first_steps" in section
        for fact in ("32x32 pixels, batch 16", "25 of the float32 steps", "label flips 0.1", "28d797d0e9c1"):
            assert fact in " ".join(section.split())
        assert "0123456789ab" in section and "the trainings part at step 60" in section
    assert (report / "parity.png").exists()


def test_a_bound_that_fails_takes_the_praise_out(config, runs, tmp_path):
    spoil(runs, losses_float64=3e-3, again=4.0)
    results, page, markdown = reported(config, runs, tmp_path)
    said = headline(results)
    assert said.answer == (
        f"These backends did not do the same work: 2 of {COUNT} bounds fail. Their speeds do not compare."
    )
    assert said.proof == "" and said.caveats[0] == (
        "Not the same work: losses_float64 differs by 3e-3, bound 1e-8 (torch, step 3); again differs by 4, bound 0 "
        f"(torch, step 3). Once that is mended, run: {COMMANDS}."
    )
    for text in (page, markdown):
        assert said.answer in text and said.caveats[0] in text and text.count("FAILS") == 2
        assert "fastest" not in text and "But parity fails" in text


def test_a_value_that_is_not_finite_fails(config, runs, tmp_path):
    spoil(runs, gradients_float32=None)
    results, page, _ = reported(config, runs, tmp_path)
    assert headline(results).answer.startswith(f"These backends did not do the same work: 1 of {COUNT} bounds fails.")
    assert "gradients_float32 differs by a value that is not finite" in page and ">not finite<" in page


def test_without_a_proof_that_is_said_first(config, runs, tmp_path, capsys):
    runs.joinpath(*PARITY).unlink()
    results, page, markdown = reported(config, runs, tmp_path, name="other")
    said = headline(results)
    expected = f"parity: no result; run: {COMMANDS} --name other."
    assert said.proof == "" and "JAX was fastest" in said.further[0] and results.parity is None
    assert said.caveats[0] == f"Nothing shows that these backends did the same work: {expected}"
    assert f"Not shown: {expected}" in page and f"Not shown: {expected}" in markdown
    assert "But nothing shows it for this report" in page and "- **Parity, JAX, PyTorch and TensorFlow**" in markdown
    assert "not measured: jax, parity: no result; run: nox -s parity -- --config smoke\n" in capsys.readouterr().out


def without(name, content):
    return [check for check in content["checks"] if check["name"] != name]


@pytest.mark.parametrize(
    ("spoiled", "why"),
    [
        (lambda content: {"twin_fingerprint": "f" * 16}, "of other settings"),
        (lambda content: {"witnesses": {name: witness(name) for name in ("jax", "torch")}}, "without TensorFlow"),
        (lambda content: {"checks": without("again", content)}, "of other bounds"),
        (lambda content: {"checks": []}, "of other bounds"),
        (lambda content: {"checks": [one | {"limit": 1.0} for one in content["checks"]]}, "of other bounds"),
    ],
)
def test_a_proof_of_something_else_is_none(spoiled, why, config, runs, tmp_path):
    path = runs.joinpath(*PARITY)
    change(path, **spoiled(json.loads(path.read_text())))
    results, _, _ = reported(config, runs, tmp_path)
    assert results.parity is None and few_words(results) == "not shown"
    assert headline(results).caveats[0].endswith(f"did the same work: parity: {why}; run: {COMMANDS}.")


def test_the_settings_that_count_are_those_that_ran(config, runs, tmp_path):
    """Settings of training that change the twin; the proof is of those in the file, which nobody ran."""
    settings = small_config(train_seed="7").model_dump(mode="json")
    for backend in BACKENDS:
        change(runs / "smoke" / backend / "run.json", config=settings)
    results, _, _ = reported(config, runs, tmp_path)
    assert results.parity is None
    assert "of other settings; run: nox -s parity -- --config smoke --set train.seed=7, then" in unproven(results)


def test_runs_from_before_the_twin_had_settings_are_proven_with_those_of_now(config, runs, tmp_path):
    settings = config.model_dump(mode="json")
    del settings["parity"]
    for backend in BACKENDS:
        change(runs / "smoke" / backend / "run.json", config=settings)
    assert reported(config, runs, tmp_path)[0].parity


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"commit": "f" * 40}, "Parity was shown with another version of this project than ran: PyTorch."),
        ({"clean": False}, "Parity was shown with uncommitted changes, or outside git: PyTorch."),
    ],
)
def test_a_proof_of_another_version_is_said(changes, said, config, runs, tmp_path):
    path = runs.joinpath(*PARITY)
    witnesses = json.loads(path.read_text())["witnesses"]
    change(path, witnesses=witnesses | {"torch": witness("torch", **changes)})
    results, page, _ = reported(config, runs, tmp_path)
    assert headline(results).caveats[0] == f"{said} Run: {COMMANDS}." and headline(results).caveats[0] in page
    assert few_words(results) == f"{COUNT} of {COUNT} bounds, of another version"
    assert headline(results).proof.startswith("All three backends did the same work")


def test_one_backend_alone_needs_no_proof(config, runs, tmp_path):
    results, page, markdown = reported(config, runs, tmp_path, ["jax"])
    assert results.parity is None and results.first_steps is None and unproven(results) == ""
    assert few_words(results) == "one backend alone"
    assert not any("same work" in text or "Parity" in text for text in (page, markdown))


def test_two_of_three_proven_backends_are_named(config, runs, tmp_path):
    results, _, _ = reported(config, runs, tmp_path, ["jax", "torch"])
    assert headline(results).proof.startswith("JAX, PyTorch and TensorFlow did the same work")


def test_curves_are_short_in_a_report_and_whole_in_the_proof(config, runs, tmp_path):
    path = runs.joinpath(*PARITY)
    content = json.loads(path.read_text())
    content["curves"]["float64"]["d_loss"]["jax"][3] = 0.123456789
    content["curves"]["float64"]["difference"][3] = 1.23456789e-16
    path.write_text(json.dumps(content))
    kept = reported(config, runs, tmp_path)[0].parity.curves["float64"]
    assert (kept.d_loss["jax"][3], kept.difference[3]) == (0.123457, 1.23457e-16)
    assert json.loads(path.read_text())["curves"]["float64"]["difference"][3] == 1.23456789e-16
