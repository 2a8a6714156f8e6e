"""With one thing undone the step is the same function, and that thing is undone."""

import keras
import numpy as np
import pytest

from cxrbench import backends
from cxrbench.gan.layers import normalize
from cxrbench.variants import OURS, WITHOUT, build_variant, variants_of
from cxrbench.variants.without import without
from tests.gan.small import small_config

pytestmark = pytest.mark.engine

STEPS = 4


def trained(name, *settings):
    engine, config = backends.active(), small_config("objective.gate_accuracy=1.0", *settings)
    engine.configure(config.compute)
    variant = build_variant(name, config, engine)
    metrics = []
    for _ in range(STEPS):
        variant.run(1)
        metrics.append(variant.metrics())
    return np.array(metrics)


@pytest.fixture(scope="module")
def ours():
    return trained(OURS)


@pytest.mark.parametrize("name", variants_of(keras.backend.backend(), [WITHOUT]))
def test_it_is_the_same_function(ours, name):
    np.testing.assert_allclose(trained(name), ours, atol=2e-5)


def test_each_undoes_what_it_says():
    engine = backends.active()
    function = lambda: None  # noqa: E731
    assert without(engine, "graph").compile(function, [], 1000) is function
    plain = without(engine, "convolutions")
    assert {plain.upsampling(1), plain.upsampling(64)} == {"transposed"}
    assert {plain.downsampling(1), plain.downsampling(64)} == {"strided"}
    assert without(engine, "fusion").fuse(function) is function
    values = keras.random.normal((2, 3, 3, 4))
    for one, other in zip(
        without(engine, "normalization").normalize(values, 2.0, 1.0, 1e-3),
        normalize(values, 2.0, 1.0, 1e-3),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    for change in ("allocator", "fusion"):
        assert without(engine, change).upsampling is engine.upsampling
        assert without(engine, change).compile is engine.compile


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="Inductor is PyTorch's")
def test_without_inductor_the_graph_is_run_as_traced(monkeypatch):
    import torch

    def refuse(*args, **kwargs):
        raise AssertionError("compiled")

    monkeypatch.setattr(torch, "compile", refuse)
    assert np.isfinite(trained("without-inductor", "bench.assumed_steps=1000")[:, :2]).all()
    with pytest.raises(AssertionError, match="compiled"):
        trained(OURS, "bench.assumed_steps=1000")
