"""The comparison as a user meets it: evidence that is missing, torn, stale or foreign is refused by name."""

import json
import shutil

import numpy as np
import pytest

from cxrbench.configfile import load_config
from cxrbench.errors import ConfigError, RunError
from cxrbench.folders import parity_folder
from cxrbench.parity.evidence import Evidence, load_evidence, save_evidence
from cxrbench.parity.twin import twin, twin_fingerprint
from cxrbench.tasks.parity import parity_task
from tests.parity.fabricate import BACKENDS, SEED, agreeing
from tests.report.fabricate import witness

CONFIG = load_config("smoke", [f"train.seed={SEED}"])
TWO = list(BACKENDS)


@pytest.fixture
def folder(tmp_path):
    """Evidence of two backends that agree."""
    place = parity_folder(CONFIG, tmp_path)
    for stage, several in zip(("record", "exchange"), agreeing(), strict=True):
        for backend, evidence in several.items():
            facts = {
                "backend": backend,
                "twin_fingerprint": twin_fingerprint(CONFIG),
                "data_fingerprint": "phantoms",
                "witness": witness(backend),
            }
            save_evidence(place.evidence(stage, backend), Evidence(evidence.facts | facts, evidence.arrays))
    return place


def change(file, **facts):
    evidence = load_evidence(file, "")
    save_evidence(file, Evidence(evidence.facts | facts, evidence.arrays))


def refused(tmp_path, words):
    with pytest.raises(RunError, match=words):
        parity_task(CONFIG, TWO, tmp_path)


def test_agreement_is_written_and_said(folder, tmp_path, capsys):
    result = parity_task(CONFIG, TWO, tmp_path)
    assert result.passed
    assert json.loads(folder.result.read_text())["data_fingerprint"] == "phantoms"
    shown = capsys.readouterr().out
    assert "FAILS" not in shown
    assert "bounds hold on jax, torch" in shown


@pytest.mark.parametrize("backends", [["jax"], ["jax", "jax"], ["jax", "torch", "jax"]])
def test_one_backend_is_no_comparison(backends, folder, tmp_path):
    with pytest.raises(RunError, match="two different backends"):
        parity_task(CONFIG, backends, tmp_path)


def test_missing_evidence_names_the_command(folder, tmp_path):
    folder.evidence("exchange", "torch").unlink()
    refused(tmp_path, r"exchange-torch.npz: no evidence; run: .*parity exchange .*--backend torch --backends jax torch")


@pytest.mark.parametrize("kept", [0, 100])
def test_torn_evidence_is_named(kept, folder, tmp_path):
    file = folder.evidence("record", "torch")
    file.write_bytes(file.read_bytes()[:kept])
    refused(tmp_path, r"record-torch.npz: damaged .*parity record")


def test_another_backends_evidence_is_refused(folder, tmp_path):
    shutil.copy(folder.evidence("record", "jax"), folder.evidence("record", "torch"))
    refused(tmp_path, "record-torch.npz: of another backend .jax, not torch.")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"twin_fingerprint": "another"}, "record-jax.npz: of another twin_fingerprint"),
        ({"data_fingerprint": "another"}, "several data sets .*nox -s parity"),
        ({"witness": witness("jax", commit="f" * 40)}, "several versions of this project"),
        (
            {"witness": witness("jax", versions={"keras": "0"})},
            "jax was recorded and exchanged with different packages",
        ),
    ],
)
def test_stale_evidence_is_refused(facts, words, folder, tmp_path):
    change(folder.evidence("record", "jax"), **facts)
    refused(tmp_path, words)


def test_an_exchange_of_other_checkpoints_is_refused(folder, tmp_path):
    file = folder.evidence("record", "torch")
    hashes = load_evidence(file, "").facts["sha256"] | {"float64/checkpoint": "of a new recording"}
    change(file, sha256=hashes)
    refused(tmp_path, "exchange-jax.npz: of another float64 checkpoint than torch recorded")


def test_evidence_that_lacks_an_array_is_of_another_version(folder, tmp_path):
    file = folder.evidence("record", "jax")
    evidence = load_evidence(file, "")
    del evidence.arrays["float64/native/losses"]
    save_evidence(file, evidence)
    refused(tmp_path, "evidence of another version of this project")


def test_a_training_that_ends_in_nan_proves_nothing(folder, tmp_path):
    for backend in TWO:
        file = folder.evidence("record", backend)
        evidence = load_evidence(file, "")
        evidence.arrays["float32/ours/losses"][5, 1] = np.nan
        save_evidence(file, evidence)
    refused(tmp_path, "float32/ours/losses is not finite at step 5; lower optimizer.learning_rate")


def test_sizes_that_do_not_suit_the_experiment_are_named():
    with pytest.raises(ConfigError, match="parity: its sizes do not suit .*image_size"):
        twin(load_config("quick", ["model.base_size=32"]), "float32")
