"""The twins of an experiment: small, or of its own size but for a batch that a CPU could not hold in float64."""

import pytest

from cxrbench.configfile import load_config
from cxrbench.parity.twin import full_size, full_size_batch, twin, twin_fingerprint


@pytest.mark.parametrize(("name", "batch"), [("nih64-augmented", 32), ("nih256", 8)])
def test_at_full_size_all_is_the_experiments_but_images_precision_and_a_large_batch(name, batch):
    config = load_config(name)
    settings = full_size(config)
    for section in ("model", "objective", "optimizer"):
        assert getattr(settings, section) == getattr(config, section)
    assert settings.train == config.train.model_copy(update={"batch_size": batch})
    assert settings.data.image_size == config.data.image_size
    assert settings.data.source == "phantom"
    compute = settings.compute
    assert (compute.precision, compute.tf32, compute.deterministic) == ("float64", False, True)
    assert settings.model != twin(config, "float64").model


def test_a_batch_is_the_experiments_own_up_to_half_a_million_pixels():
    assert [full_size_batch(size, 32) for size in (32, 64, 128, 256, 512)] == [32, 32, 32, 8, 8]
    assert full_size_batch(512, 4) == 4


@pytest.mark.parametrize("setting", ["train.batch_size=16", "model.generator_width=128", "data.image_size=32"])
def test_evidence_at_another_full_size_is_of_other_settings(setting):
    """None of these decides the small twin."""
    config, other = load_config("nih64-augmented"), load_config("nih64-augmented", [setting])
    assert twin(config, "float64").training_fingerprint == twin(other, "float64").training_fingerprint
    assert twin_fingerprint(config) != twin_fingerprint(other)
