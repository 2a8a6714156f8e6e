"""The time of a trace, shared out: nesting, threads, what is idle, and the kinds of every engine's names."""

import pytest

from cxrbench.measure import operations
from cxrbench.measure.operations import KINDS, kind_of, most_at_once, own_times, profile


def event(name, start, duration, thread=1, **more):
    return {"ph": "X", "pid": 1, "tid": thread, "name": name, "ts": start, "dur": duration, **more}


# Two steps of 100 microseconds: a convolution with a copy inside, an addition beside it on another thread.
EVENTS = [
    event("python", 0, 200),
    event("aten::convolution", 10, 50),
    event("aten::copy_", 20, 15),
    event("aten::add", 30, 40, thread=2),
    event("aten::convolution", 110, 30),
    {"ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": {"name": "main"}},
]
NAMES = ("aten::convolution", "aten::copy_", "aten::add")
TRACE = {"traceEvents": EVENTS, "operations": {name: [name] for name in NAMES}}


def test_an_operation_is_not_charged_for_those_inside_it():
    own = [(inner["name"], time) for inner, time in own_times(EVENTS[1:5])]
    assert sorted(own) == [
        ("aten::add", 40), ("aten::convolution", 30), ("aten::convolution", 35), ("aten::copy_", 15),
    ]  # fmt: skip


def test_nesting_goes_to_the_innermost_and_touching_is_not_nesting():
    nested = [event("c", 4, 2), event("a", 0, 10), event("b", 2, 6), event("d", 10, 5)]
    assert {inner["name"]: time for inner, time in own_times(nested)} == {"a": 4, "b": 4, "c": 2, "d": 5}


def test_the_table_is_per_step_and_idle_is_what_is_left_of_all_threads():
    found = profile(TRACE, seconds=200e-6, steps=2)
    kinds = {row.name: row for row in found.kinds}
    assert found.seconds == pytest.approx(100e-6)
    assert found.threads == 2
    assert tuple(kinds) == KINDS
    assert kinds[operations.FORWARD].seconds == pytest.approx(32.5e-6)
    assert kinds[operations.FORWARD].calls == 1
    assert kinds[operations.MOVEMENT].seconds == pytest.approx(7.5e-6)
    assert kinds[operations.ELEMENTWISE].share == pytest.approx(40 / 400)
    assert kinds[operations.IDLE].seconds == pytest.approx((400 - 120) * 1e-6 / 2)
    assert kinds[operations.IDLE].calls == 0
    assert sum(row.share for row in found.kinds) == pytest.approx(1)
    assert [row.name for row in found.operations] == ["aten::convolution", "aten::add", "aten::copy_"]
    assert sum(row.seconds for row in found.operations) == pytest.approx(60e-6)


def test_what_is_no_operation_is_not_counted():
    names = {row.name for row in profile(TRACE, 200e-6, 2).operations}
    assert names == set(NAMES)


def test_threads_are_those_that_work_at_the_same_moment():
    alternating = [event("a", 0, 5, thread=1), event("a", 5, 5, thread=2), event("a", 10, 5, thread=3)]
    assert most_at_once(alternating) == 1
    assert most_at_once([*alternating, event("a", 4, 3, thread=4), event("b", 4, 1, thread=4)]) == 2
    assert most_at_once([]) == 0


def test_a_trace_without_operations_has_no_shares():
    found = profile({"traceEvents": EVENTS[:1], "operations": {}}, 1.0, 1)
    assert found.operations == []
    assert all(row.share == 0 for row in found.kinds)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ("convolution jit(pure)/jvp(generator)/up_0/conv_general_dilated", operations.FORWARD),
        ("convolution jit(pure)/generator/image/conv_general_dilated", operations.FORWARD),
        ("convolution jit(pure)/transpose(jvp(discriminator))/down_1/conv_general_dilated", operations.BACKWARD),
        ("convolution_backward", operations.BACKWARD),
        ("reverse jit(pure)/transpose(jvp(generator))/image/conv_general_dilated", operations.MOVEMENT),
        ("add jit(pure)/adam/add", operations.OPTIMIZER),
        ("shift-left jit(pure)/shift_left", operations.RANDOM),
        ("rsqrt jit(pure)/jvp(generator)/norm_0/rsqrt", operations.ELEMENTWISE),
        ("dot jit(pure)/jvp(generator)/dense/dot_general", operations.MATMUL),
        ("copy", operations.MOVEMENT),
        # A transposed convolution runs as the gradient of a convolution, forward too, and its gradient as one.
        ("generator_1/up_0/conv_transpose:_MklNativeConv2DBackpropInput", operations.FORWARD),
        ("gradient_tape/generator_1/up_0/conv_transpose/Conv2D:_MklNativeConv2D", operations.BACKWARD),
        ("discriminator_1/down_1/BiasAdd:_MklNativeFusedConv2D", operations.FORWARD),
        (
            "gradient_tape/discriminator/down_0/convolution/Conv2DBackpropFilter:Conv2DBackpropFilter",
            "convolution backward",
        ),
        ("gradient_tape/discriminator/down_0/BiasAdd/BiasAddGrad:BiasAddGrad", operations.ELEMENTWISE),
        ("gradient_tape/generator_1/norm_0/batchnorm/mul/Sum:Sum", operations.ELEMENTWISE),
        ("adam_2/sub_1:Sub", operations.OPTIMIZER),
        ("a_inference_draws_1729__.1 and_concatenate_fusion", operations.RANDOM),
        ("generator/dense/MatMul:_MklMatMul", operations.MATMUL),
        ("AssignVariableOp_3:AssignVariableOp", operations.MOVEMENT),
        ("aten::mkldnn_convolution", operations.FORWARD),
        ("aten::convolution_backward", operations.BACKWARD),
        ("aten::addmm", operations.MATMUL),
        ("aten::add", operations.ELEMENTWISE),
        ("aten::bitwise_xor", operations.RANDOM),
        ("aten::copy_", operations.MOVEMENT),
        ("graph_0_cpp_fused_add_clone_convolution_mean_mul_pow_relu_rsqrt_view_14", operations.ELEMENTWISE),
        ("graph_0_cpp_fused_add_convolution_convolution_backward_mul_tanh_backward_16", operations.ELEMENTWISE),
        ("graph_0_cpp_fused_add_arange_bitwise_and_bitwise_xor_cos_log_mul_sin_sqrt_0", operations.RANDOM),
        ("graph_0_cpp_fused__to_copy_add_div_expm1_mul_neg_pow_sqrt_sub_29", operations.OPTIMIZER),
        ("graph_0_cpp_fused_add_div_expm1_mul_pow_rsqrt_sqrt_sub_threshold_backward_28", operations.MIXED),
        ("something nobody knows", operations.OTHER),
    ],
)
def test_kinds(part, kind):
    assert kind_of([part]) == kind


def test_of_a_fusion_the_convolution_counts_else_the_most_of_what_is_computed():
    random, adam = "xor jit(pure)/xor", "multiply jit(pure)/adam/mul"
    assert kind_of(["copy", "copy", "copy", random]) == operations.RANDOM
    assert kind_of([random, adam, adam]) == operations.OPTIMIZER
    assert kind_of([adam, adam, "convolution jit(pure)/jvp(net)/conv"]) == operations.FORWARD
    assert kind_of(["copy", "bitcast"]) == operations.MOVEMENT
    assert kind_of([]) == operations.OTHER
