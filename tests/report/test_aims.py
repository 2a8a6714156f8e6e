"""What the shared step is meant to reach: shown at the sizes that have aims alone, and judged by the interval."""

import pytest

from cxrbench.report.aims import Aim, aims
from cxrbench.report.results import Results
from tests.report.fabricate import small_config
from tests.report.fabricate_bench import benchmarked


def judged(cores=2, **changes):
    content = benchmarked(small_config(**changes))
    for made in content["manifest"]["benchmarks"].values():
        made["machine"] = made["machine"] | {"cores": cores}
    table = aims(Results.model_validate(content))
    return {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}


def test_every_aim_of_a_size_is_judged_by_what_was_measured():
    found = judged(data_image_size="64", train_batch_size="32")
    assert "cpu, float32, 64x64 images, batch 32" in found
    assert found["PyTorch: step time, ours over native-compile"] == ["at most 0.700", "0.800", "not reached"]
    assert found["PyTorch: step time, ours over keras-fit"] == ["at most 0.500", "0.400", "reached"]
    assert found["TensorFlow: step time, ours over keras-fit-xla"] == ["at most 0.150", "0.125", "reached"]
    assert found["JAX: step time, ours over native-jit"] == ["at most 0.150", "1.11", "not reached"]
    slowest = found["step time, TensorFlow (slowest) over JAX (fastest)"]
    assert slowest[0] == "at most 1.60" and slowest[2] == "not reached" and float(slowest[1]) > 1.9
    assert found["TensorFlow: peak host memory, ours over native-graph"] == ["at most 1.15", "1.00", "reached"]
    assert "JAX (fastest): share of the limit" in found


def test_other_sizes_and_other_machines_have_none():
    assert judged() == {}
    assert judged(cores=16, data_image_size="64", train_batch_size="32") == {}


@pytest.mark.parametrize(
    ("low", "value", "high", "most", "said"),
    [
        (0.6, 0.65, 0.69, True, "reached"),
        (0.6, 0.65, 0.71, True, "cannot be told"),
        (0.71, 0.8, 0.9, True, "not reached"),
        (None, 0.7, None, True, "reached"),
        (None, 0.75, None, False, "reached"),
        (0.71, 0.75, 0.8, False, "reached"),
        (0.5, 0.6, 0.65, False, "not reached"),
    ],
)
def test_an_interval_that_holds_the_bound_tells_nothing(low, value, high, most, said):
    assert Aim("it", "", value, low, high, 0.7, most).reached == said
