"""The limit of a step, from rates and work that are made up."""

import pytest

from cxrbench.errors import RunError
from cxrbench.measure.roofline import Limit, Rate, Rates, best_rates, limit
from cxrbench.measure.work import Work


def entry(kind, seconds, flops=0, moved=0, calls=1, what="it"):
    info = {"kind": kind, "what": what, "flops": flops, "bytes": moved, "calls": calls}
    return {"name": "test", "extra_info": info, "stats": {"data": seconds}}


RATES = Rates(gemm=Rate(200.0, "a"), convolution=Rate(100.0, "b"), copy=Rate(50.0, "c"))


def test_the_best_rate_is_that_of_the_fastest_round_of_any_backend():
    rates = best_rates(
        [
            entry("gemm", [2.0, 1.0, 4.0], flops=10, calls=3),
            entry("gemm", [1.5], flops=50, what="of another backend"),
            entry("convolution", [0.5], flops=8, moved=10**9, what="stride 1"),
            entry("convolution", [0.5], flops=4, what="stride 2"),
            entry("copy", [0.25], flops=10**9, moved=6, calls=2),
            {"name": "test_step", "extra_info": {"steps": 4}, "stats": {"data": [1e-9]}},
        ]
    )
    assert rates.gemm == (pytest.approx(50 / 1.5), "of another backend")
    assert rates.convolution == (pytest.approx(16), "stride 1")
    assert rates.copy == (pytest.approx(48), "it")


@pytest.mark.parametrize("missing", ["gemm", "convolution", "copy"])
def test_a_kind_that_was_not_measured_is_named(missing):
    measured = [entry(kind, [1.0], flops=1, moved=1) for kind in ("gemm", "convolution", "copy") if kind != missing]
    with pytest.raises(RunError, match=missing):
        best_rates(measured)


def test_each_kind_of_layer_is_held_against_its_own_rate():
    found = limit(Work(convolution_flops=1000, dense_flops=400, bytes=100, layers=[]), RATES)
    assert found.arithmetic == pytest.approx(1000 / 100 + 400 / 200)
    assert found.memory == pytest.approx(2)
    assert found.bound_by == "arithmetic"
    assert found.seconds == found.arithmetic


def test_memory_binds_where_it_takes_longer():
    found = limit(Work(convolution_flops=100, dense_flops=0, bytes=500, layers=[]), RATES)
    assert (found.bound_by, found.seconds) == ("memory", pytest.approx(10))


def test_the_share_is_one_at_the_limit_and_half_at_twice_its_time():
    assert Limit(3.0, 2.0).share(3.0) == pytest.approx(1)
    assert Limit(3.0, 8.0).share(16.0) == pytest.approx(0.5)
