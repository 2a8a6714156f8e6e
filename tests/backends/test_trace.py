"""Each engine's trace of the training step: a file that Perfetto reads, in which the step's operations are named."""

import gzip
import json
import time

import keras
import pytest

from cxrbench import backends
from cxrbench.gan.convolutions import DownConv2D, UpConv2D
from cxrbench.measure import operations
from tests.gan.small import Small, small_config

pytestmark = pytest.mark.engine

STEPS = 2


@pytest.fixture(scope="module")
def small():
    return Small(small_config())


@pytest.fixture(scope="module")
def traced(small, tmp_path_factory):
    """The trace of two compiled steps, and how long they took."""
    file = tmp_path_factory.mktemp("profile") / "made" / "trace.json.gz"
    recording = backends.active().trace(file)
    small.run(2)
    with recording:
        started = time.perf_counter()
        small.run(STEPS, first=2)
        seconds = time.perf_counter() - started
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        return json.load(stream), seconds


def test_it_has_complete_events_with_names_and_times(traced):
    trace, seconds = traced
    complete = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    named = [event for event in complete if event["name"] in trace["operations"]]
    assert len(named) >= 50 * STEPS
    assert all(event["dur"] >= 0 and {"pid", "tid", "ts"} <= event.keys() for event in named)
    first, last = min(event["ts"] for event in named), max(event["ts"] + event["dur"] for event in named)
    assert 0 < last - first <= seconds * 1e6  # microseconds, as the format asks for
    assert "host_name" not in trace


def test_the_time_is_shared_out_completely(traced):
    found = operations.profile(*traced, STEPS)
    kinds = {row.name: row for row in found.kinds}
    assert sum(row.share for row in found.kinds) == pytest.approx(1)
    assert kinds[operations.IDLE].seconds >= 0
    busy = sum(row.seconds for row in found.operations)
    assert busy + kinds[operations.IDLE].seconds == pytest.approx(found.seconds * found.threads)
    assert busy > 0
    assert kinds[operations.OTHER].seconds < 0.1 * busy
    for kind in (operations.FORWARD, operations.BACKWARD, operations.ELEMENTWISE, operations.MATMUL):
        assert kinds[kind].seconds > 0, kind
    assert kinds[operations.RANDOM].seconds > 0 and kinds[operations.OPTIMIZER].seconds > 0


def test_forward_and_backward_convolutions_are_those_of_the_step(small, traced):
    """Counted from the networks: so none is taken for its opposite, though a transposed one runs as a gradient."""
    if small.engine.device() == "gpu":
        pytest.skip("a convolution may be several kernels there")
    layers = small.gan.generator._flatten_layers(), small.gan.discriminator._flatten_layers()
    up = sum(isinstance(layer, UpConv2D) and layer.form != "product" for layer in layers[0])
    forms = [layer.form for layer in layers[1] if isinstance(layer, DownConv2D)]
    down = sum(form != "product" for form in forms)
    updates = small.config.objective.generator_updates
    forward = (1 + updates) * (up + down)
    # Gradients of all kernels, and of the inputs except that the images of the discriminator's own update need none.
    first = forms[0] != "product"
    kernels, inputs = down + updates * up, (down - first) + updates * (down + up)
    backward = kernels + inputs

    found = operations.profile(*traced, STEPS)
    rows = [row for row in found.operations if row.kind in (operations.FORWARD, operations.BACKWARD)]
    if keras.backend.backend() == "torch":  # an operator calls others, and computes both gradients of a layer
        rows = [row for row in rows if row.name in ("aten::convolution", "aten::convolution_backward")]
        backward = down + updates * (down + up)
    calls = {
        kind: sum(row.calls for row in rows if row.kind == kind) for kind in (operations.FORWARD, operations.BACKWARD)
    }
    assert calls == {operations.FORWARD: forward, operations.BACKWARD: backward}
