"""Checkpoints: whole or refused by name, and the one before is used."""

import json
import re

import numpy as np
import pytest
from keras import ops

from cxrbench.errors import RunError
from cxrbench.gan.checkpoints import load_checkpoint, newest_checkpoint, prune_checkpoints, save_checkpoint
from cxrbench.gan.dcgan import DCGAN
from tests.gan.small import Small, small_config

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def trained():
    """Compiled once: no test changes it."""
    small = Small(small_config())
    small.run(2)
    return small.gan


def save(folder, gan, step):
    return save_checkpoint(folder, gan, step, "fingerprint", "data", "any")


def values(gan):
    return [ops.convert_to_numpy(variable.value).copy() for variable in gan.state]


def test_all_state_comes_back(trained, tmp_path):
    checkpoint = save(tmp_path, trained, 2)
    other = DCGAN(small_config("train.seed=9"))
    assert any((left != right).any() for left, right in zip(values(trained), values(other), strict=True))
    load_checkpoint(tmp_path, checkpoint, other)
    for left, right in zip(values(trained), values(other), strict=True):
        np.testing.assert_array_equal(left, right)
    assert int(ops.convert_to_numpy(other.generator_optimizer.iterations)) == 4


@pytest.mark.parametrize("damage", ["torn", "changed", "missing", "note"])
def test_a_damaged_one_is_named_and_the_one_before_is_used(trained, tmp_path, damage):
    save(tmp_path, trained, 1)
    save(tmp_path, trained, 2)
    file, note = tmp_path / "step-00000002.weights.h5", tmp_path / "step-00000002.json"
    content = file.read_bytes()
    if damage == "torn":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "changed":
        file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    elif damage == "missing":
        file.unlink()
    else:
        note.write_text("{}")
    checkpoint, refused = newest_checkpoint(tmp_path, "fingerprint")
    assert checkpoint.step == 1
    assert len(refused) == 1
    assert "step-00000002" in refused[0]


def test_weights_without_a_note_are_no_checkpoint(trained, tmp_path):
    save(tmp_path, trained, 1)
    (tmp_path / "step-00000001.json").unlink()
    assert newest_checkpoint(tmp_path, "fingerprint") == (None, [])


def test_one_of_another_experiment_is_named_and_the_one_before_is_used(trained, tmp_path):
    save(tmp_path, trained, 1)
    save_checkpoint(tmp_path, trained, 2, "another", "data", "any")
    checkpoint, refused = newest_checkpoint(tmp_path, "fingerprint")
    assert checkpoint.step == 1
    assert len(refused) == 1
    assert re.search("step-00000002.*other training settings", refused[0])


def test_a_folder_of_another_experiment_is_refused(trained, tmp_path):
    save(tmp_path, trained, 2)
    with pytest.raises(RunError, match=r"step-00000002.*other training settings.*--fresh"):
        newest_checkpoint(tmp_path, "another")


def test_a_weight_that_is_not_finite_is_not_saved(tmp_path):
    gan = DCGAN(small_config())
    save(tmp_path, gan, 1)
    gan.discriminator.logit.bias.assign(np.array([np.inf]))
    with pytest.raises(RunError, match="logit/bias is not finite after step 2"):
        save(tmp_path, gan, 2)
    assert newest_checkpoint(tmp_path, "fingerprint")[0].step == 1


def test_a_note_keeps_the_seconds_and_one_of_an_earlier_version_is_read_without(trained, tmp_path):
    saved = save_checkpoint(tmp_path, trained, 2, "fingerprint", "data", "any", 12.5, 1.25)
    assert newest_checkpoint(tmp_path, "fingerprint") == (saved, [])
    assert (saved.train_seconds, saved.progress_seconds) == (12.5, 1.25)
    note = tmp_path / "step-00000002.json"
    earlier = {key: value for key, value in json.loads(note.read_text()).items() if not key.endswith("_seconds")}
    assert len(earlier) == 5
    note.write_text(json.dumps(earlier))
    found, refused = newest_checkpoint(tmp_path, "fingerprint")
    assert (found.step, found.train_seconds, found.progress_seconds, refused) == (2, None, None, [])


def test_only_the_newest_are_kept(trained, tmp_path):
    for step in (1, 2, 3, 4):
        save(tmp_path, trained, step)
    (tmp_path / "step-00000003.json").rename(tmp_path / "note.json")  # as a kill between two deletions leaves it
    save(tmp_path, trained, 5)
    prune_checkpoints(tmp_path, 2)
    (tmp_path / "note.json").unlink()
    kept = sorted(file.name for file in tmp_path.iterdir())
    assert kept == [f"step-0000000{step}.{end}" for step in (4, 5) for end in ("json", "weights.h5")]


def test_a_damaged_one_does_not_count_among_the_kept(trained, tmp_path):
    for step in (1, 2, 9):
        save(tmp_path, trained, step)
    torn = tmp_path / "step-00000009.weights.h5"
    torn.write_bytes(torn.read_bytes()[:-100])
    prune_checkpoints(tmp_path, 1)
    assert newest_checkpoint(tmp_path, "fingerprint")[0].step == 2
    assert not torn.exists()
