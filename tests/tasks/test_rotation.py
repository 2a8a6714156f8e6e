"""The plan of a benchmark: every contestant equally often, in a rotated order, at every point of the sweep."""

from collections import Counter

import pytest
from pydantic import ValidationError

from cxrbench.configfile import load_config
from cxrbench.errors import ConfigError
from cxrbench.folders import BACKENDS
from cxrbench.tasks.rotation import LIMIT, MEMORY, SPEED, rotation, settings
from cxrbench.variants import variants_of

MIXED = "bench.sweep=[{ precision = 'bfloat16' }]"
TWO_SIZES = "bench.sweep=[{ image_size = 16, batch_size = 8 }, { image_size = 32, precision = 'tf32' }]"


def config(*changes):
    return load_config("smoke", ["bench.variants=[]", "bench.repeats=3", *changes])


def timed(plan, repeat, setting=0):
    return [
        (one.backend, one.variant) for one in plan if (one.kind, one.repeat, one.setting) == (SPEED, repeat, setting)
    ]


def test_every_variant_of_every_backend_is_timed_once_per_repeat_and_setting():
    plan = rotation(config(TWO_SIZES), list(BACKENDS))
    wanted = Counter((backend, name) for backend in BACKENDS for name in variants_of(backend))
    assert {"ours", "keras-fit"} < set(variants_of("jax")) and len(wanted) == 12
    for repeat in range(3):
        for setting in range(2):
            assert Counter(timed(plan, repeat, setting)) == wanted
    assert len({one.name for one in plan}) == len(plan)


def test_the_places_of_all_repeats_are_spread_over_the_variants():
    """Else, with more variants than repeats, some would always come early."""
    plan = rotation(config("bench.repeats=5"), list(BACKENDS))
    orders = [timed(plan, repeat) for repeat in range(5)]
    means = [sum(order.index(one) for order in orders) / 5 for one in orders[0]]
    assert max(means) - min(means) < 2.5


def test_two_equal_points_are_refused():
    with pytest.raises(ConfigError, match="point 1 is the same as point 0"):
        settings(config("bench.sweep=[{}, { batch_size = 16 }]"))


@pytest.mark.parametrize("changes", [["bench.variants=['native-jit']"], [MIXED, "bench.variants=['native']"]])
def test_a_backend_without_anything_to_measure_is_refused(changes):
    with pytest.raises(
        ConfigError, match=r"bench.variants: none of native.* on torch with .*; add one of ours, keras-fit"
    ):
        rotation(config(*changes), ["torch"])


def test_each_repeat_begins_with_the_next():
    plan = rotation(config("bench.variants=['ours']"), list(BACKENDS))
    orders = ["".join(backend[0] for backend, _ in timed(plan, repeat)) for repeat in range(3)]
    assert orders == ["jtt", "ttj", "tjt"]
    assert [timed(plan, repeat)[0][0] for repeat in range(3)] == list(BACKENDS)


def test_those_of_one_repeat_run_close_to_each_other():
    plan = [one for one in rotation(config(TWO_SIZES), ["jax", "torch"]) if one.kind == SPEED]
    places = [(one.repeat, one.setting) for one in plan]
    assert places == sorted(places)


def test_memory_is_measured_in_processes_of_its_own_and_rates_come_first():
    plan = rotation(config(), list(BACKENDS))
    kinds = [one.kind for one in plan]
    assert kinds[:3] == [LIMIT] * 3
    assert Counter(kinds)[MEMORY] == 12 and LIMIT not in kinds[3:] and SPEED not in kinds[-12:]


def test_a_sweep_changes_what_it_names_and_nothing_else():
    small, large = settings(config(TWO_SIZES))
    assert (small.data.image_size, small.train.batch_size, small.compute.tf32) == (16, 8, False)
    assert (large.data.image_size, large.train.batch_size, large.compute.tf32) == (32, 16, True)
    assert (large.compute.precision, small.compute.precision) == ("float32", "float32")
    assert small.model == large.model == config().model


def test_the_gate_never_shuts_while_it_is_timed():
    assert config().objective.gate_accuracy < 1.0
    assert [one.objective.gate_accuracy for one in settings(config())] == [1.0]


def test_a_point_that_does_not_fit_is_refused():
    with pytest.raises(ValidationError, match="image_size: 50 is not model.base_size"):
        settings(config("bench.sweep=[{ image_size = 50 }]"))


def test_the_peers_are_left_out_where_layers_are_bfloat16():
    plan = rotation(config(MIXED), ["torch"])
    assert {one.variant for one in plan} == {"ours", "keras-fit"}


def test_native_stands_for_all_modes_and_another_backends_mode_is_passed_over():
    assert variants_of("tensorflow", ["ours", "native"]) == ["ours", "native-graph", "native-xla"]
    assert variants_of("jax", ["native-eager", "native-jit"]) == ["native-jit"]
    assert variants_of("tensorflow", ["keras-fit", "keras-fit-xla"]) == ["keras-fit", "keras-fit-xla"]
    assert variants_of("jax", ["keras-fit", "keras-fit-xla"]) == ["keras-fit"]
    assert variants_of("jax", ["ours", "without"]) == [
        "ours", "without-graph", "without-convolutions", "without-masks", "without-allocator",
    ]  # fmt: skip
    assert variants_of("jax", ["without-inductor", "without-graph"]) == ["without-graph"]
    with pytest.raises(ConfigError, match=r"bench.variants: 'theirs' is not one of .*keras-fit"):
        variants_of("jax", ["theirs"])


@pytest.mark.parametrize(
    "setting",
    [
        "model.spectral_norm=true",
        'objective.loss="hinge"',
        'objective.augmentation=["color"]',
        "objective.gradient_penalty=1.0",
        "objective.average_decay=0.9",
        "optimizer.discriminator_rate=2.0",
        "optimizer.half_life=1000",
    ],
)
def test_peers_that_are_not_written_for_an_experiment_are_left_out(setting):
    """They would do less work, and be called faster."""
    smooth = "objective.label_smoothing=0.0"
    assert {one.variant for one in rotation(config(setting, smooth), list(BACKENDS))} == {"ours"}
    with pytest.raises(ConfigError, match=f"on jax with {setting.partition('=')[0]}; add one of ours"):
        rotation(config(setting, smooth, "bench.variants=['native']"), ["jax"])
