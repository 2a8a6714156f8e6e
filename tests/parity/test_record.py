"""Evidence of a real training: it holds against itself, and any one thing broken on purpose makes a bound fail."""

import keras
import numpy as np
import pytest
from keras import ops

from cxrbench import backends
from cxrbench.data.dataset import Dataset
from cxrbench.gan import layers, networks, step
from cxrbench.gan.randomness import Purpose
from cxrbench.native import peer_module
from cxrbench.parity.evidence import Evidence
from cxrbench.parity.exchange import exchange
from cxrbench.parity.judge import judge
from cxrbench.parity.record import at_full_size, native, ours, record
from cxrbench.parity.twin import full_size, twin
from cxrbench.tasks.prepare import prepare_task
from tests.gan.small import small_config
from tests.gan.test_step import FURTHER

pytestmark = pytest.mark.engine

SIZES = [
    "parity.image_size=16",
    "parity.batch_size=8",
    "parity.generator_width=8",
    "parity.discriminator_width=4",
    "parity.float32_steps=10",
    "parity.float64_steps=12",
]


def config(*settings):
    return small_config(*SIZES, *settings)


@pytest.fixture(scope="module")
def backend():
    return keras.backend.backend()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return Dataset.open(prepare_task(twin(config(), "float32"), None, tmp_path_factory.mktemp("datasets"), workers=1))


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return Dataset.open(prepare_task(full_size(config()), None, tmp_path_factory.mktemp("large"), workers=1))


@pytest.fixture(autouse=True)
def float32():
    """Leave float32 behind for the tests that follow in this process."""
    yield
    backends.active().configure(small_config().compute)


@pytest.fixture(scope="module")
def sound(backend, dataset, large, tmp_path_factory):
    """What an unbroken backend records, and its checkpoints."""
    folder = tmp_path_factory.mktemp("sound")
    checkpoints = {precision: folder / precision for precision in ("float32", "float64")}
    return record(config(), backend, backends.active(), dataset, large, checkpoints), checkpoints


def with_float64(evidence, arrays):
    """The evidence with some of its arrays of float64 replaced."""
    return Evidence(evidence.facts, evidence.arrays | {f"float64/{name}": value for name, value in arrays.items()})


def failures(records):
    """The bounds of recordings that fail, without those of the exchange, which is not repeated here."""
    return {check.name for check in judge(config().train.seed, records, {}) if not check.passed}


def test_all_bounds_hold_on_one_backend_and_the_gate_was_compared(backend, dataset, sound):
    evidence, checkpoints = sound
    exchanged = exchange(config(), backend, backends.active(), dataset, {backend: checkpoints})
    checks = judge(config().train.seed, {backend: evidence}, {backend: exchanged})
    assert [check for check in checks if not check.passed] == []
    skipped = evidence.arrays["float64/ours/losses"][:, step.METRICS.index("d_skipped")].sum()
    assert 0 < skipped < 12
    assert all(array.dtype == np.float64 for name, array in evidence.arrays.items() if "float64/forward" in name)
    assert evidence.arrays["float64/ours/losses"].dtype == np.float64


def test_all_bounds_but_those_of_peers_hold_with_everything_that_helps_small_data_sets(
    backend, dataset, large, tmp_path
):
    settings, engine = config(*FURTHER, "optimizer.half_life=20"), backends.active()
    checkpoints = {precision: tmp_path / precision for precision in ("float32", "float64")}
    evidence = record(settings, backend, engine, dataset, large, checkpoints)
    exchanged = exchange(settings, backend, engine, dataset, {backend: checkpoints})
    checks = judge(settings.train.seed, {backend: evidence}, {backend: exchanged})
    assert [check for check in checks if not check.passed] == []
    judged = {check.name for check in checks}
    assert {"state_float64", "other_form_float64", "loaded", "resume"} <= judged
    assert not any(name.startswith("native") for name in judged)
    state = evidence.below("float64/ours/state/")
    assert "average/dense/kernel" in state and "discriminator/down_0/direction" in state


def test_a_checkpoint_that_is_not_loaded_is_seen(backend, dataset, sound, monkeypatch):
    evidence, checkpoints = sound
    monkeypatch.setattr("cxrbench.parity.exchange.load_checkpoint", lambda folder, checkpoint, gan: None)
    exchanged = exchange(config(), backend, backends.active(), dataset, {backend: checkpoints})
    checks = judge(config().train.seed, {backend: evidence}, {backend: exchanged})
    assert {"loaded", "resumed_float32", "resumed_float64", "resume"} <= {
        check.name for check in checks if not check.passed
    }


def epsilon(patch):
    return config("optimizer.epsilon=2e-7")


def momentum(patch):
    return config("model.batch_norm_momentum=0.91")


def label_flip(patch):
    real = step.discriminator_labels
    kept = lambda batch, smoothing, flipped, dtype: real(batch, smoothing, ops.zeros_like(flipped), dtype)  # noqa: E731
    patch.setattr(step, "discriminator_labels", kept)


def draw_purpose(patch):
    real = step.normals
    swapped = {Purpose.INSTANCE_NOISE: Purpose.GRID}
    patch.setattr(step, "normals", lambda seed, purpose, *rest: real(seed, swapped.get(purpose, purpose), *rest))


def padding(patch):
    """Two pixels above and left of the image, as a careless port has it, for one on each side."""

    def shifted(self, inputs, training=False):
        padded = ops.pad(inputs, ((0, 0), (2, 0), (2, 0), (0, 0)))
        return ops.conv(padded, self.kernel, strides=2, padding="valid", data_format="channels_last")

    patch.setattr(networks.DownConv2D, "call", shifted)


def dropout_scale(patch):
    patch.setattr(layers, "MASK_LEVELS", 250)


def learning_rate(patch):
    return config("optimizer.learning_rate=2.0002e-4")


@pytest.mark.parametrize("broken", [epsilon, momentum, label_flip, draw_purpose, padding, dropout_scale, learning_rate])
def test_a_break_is_seen(sound, backend, dataset, tmp_path, monkeypatch, broken):
    engine = backends.active()
    with monkeypatch.context() as patch:
        settings = twin(broken(patch) or config(), "float64")
        engine.configure(settings.compute)
        arrays, _ = ours(settings, backend, engine, dataset, tmp_path)
    failed = failures({backend: sound[0], "broken": with_float64(sound[0], arrays)})
    assert "state_float64" in failed
    assert broken is momentum or "losses_float64" in failed  # moving statistics are of no effect on training


@pytest.mark.parametrize("broken", [draw_purpose, learning_rate])
def test_a_break_at_full_size_is_seen(sound, backend, large, monkeypatch, broken):
    engine = backends.active()
    with monkeypatch.context() as patch:
        settings = broken(patch) or config()
        engine.configure(full_size(settings).compute)
        arrays = at_full_size(settings, backend, engine, large)
    assert failures({backend: sound[0], "broken": Evidence(sound[0].facts, sound[0].arrays | arrays)}) == {
        "full_size_float64"
    }


def native_epsilon(module, patch):
    patch.setattr(module, "BATCH_NORM_EPSILON", 1.1e-3)


def native_dropout(module, patch):
    patch.setattr(module, "dropout_rate", lambda config: 0.3)  # and not the 77/256 that 8 bits can say


@pytest.mark.parametrize("broken", [native_epsilon, native_dropout])
def test_a_break_of_a_native_peer_is_seen(sound, backend, dataset, monkeypatch, broken):
    broken(peer_module(backend), monkeypatch)
    settings, engine = twin(config(), "float64"), backends.active()
    engine.configure(settings.compute)
    failed = failures({backend: with_float64(sound[0], native(settings, backend, engine, dataset))})
    assert {"native_losses_float64", "native_state_float64"} <= failed
