"""The judge finds nothing where nothing differs, and each bound fails when what it bounds is spoiled a little."""

import numpy as np
import pytest

from cxrbench.parity.bounds import BOUNDS, CHAOS
from cxrbench.parity.judge import chaotic_from, curves, judge
from tests.parity.fabricate import SEED, agreeing

# What to spoil: "records" or "exchanges", the array (or a hash, without a step), and at which row.
SPOILED = {
    "stream_published": ("records", "stream/published", 1),
    "stream_words": ("records", "stream/2/7", 0),
    "stream_engine": ("records", "stream/engine", 0),
    "stream_uniforms": ("records", "float32/uniforms", 5),
    "stream_normals_float32": ("records", "float32/normals", 5),
    "stream_normals_float64": ("records", "float64/normals", 5),
    "initial_weights": ("records", "float64/initial", None),
    "order": ("records", "order", None),
    "forward_float32": ("records", "float32/forward/generator/dense", 1),
    "forward_float64": ("records", "float64/forward/generator/dense", 1),
    "gradients_float32": ("records", "float32/gradients/generator/kernel", 1),
    "gradients_float64": ("records", "float64/gradients/generator/kernel", 1),
    "losses_float32": ("records", "float32/ours/losses", 9),
    "losses_float64": ("records", "float64/ours/losses", 28),
    "statistics_float32": ("records", "float32/ours/statistics/generator/moving_mean", 1),
    "native_statistics_float32": ("records", "float32/native/statistics/generator/moving_mean", 1),
    "state_float64": ("records", "float64/ours/state/generator/kernel", 1),
    "other_form_float64": ("records", "float64/other_form/losses", 9),
    "native_losses_float32": ("records", "float32/native/losses", 9),
    "native_losses_float64": ("records", "float64/native/losses", 28),
    "native_state_float64": ("records", "float64/native/state/generator/kernel", 1),
    "loaded": ("exchanges", "float64/loaded/jax", None),
    "samples": ("exchanges", "samples/jax", 0),
    "resumed_float32": ("exchanges", "float32/resumed/jax", 0),
    "resumed_float64": ("exchanges", "float64/resumed/jax", 2),
    "resume": ("exchanges", "float32/resumed/torch", None),
    "again": ("exchanges", "float64/half", None),
    "full_size_float64": ("records", "full_size/losses", 9),
}


def by_name(records, exchanges):
    return {check.name: check for check in judge(SEED, records, exchanges)}


def spoil(records, exchanges, name, amount):
    """Change the evidence of torch at the place of a bound."""
    which, place, row = SPOILED[name]
    evidence = {"records": records, "exchanges": exchanges}[which]["torch"]
    if row is None:
        evidence.facts["sha256"][place] = "another"
    else:
        array = evidence.arrays[place]
        array[row] = array[row] + np.asarray(amount).astype(array.dtype)


def test_every_bound_is_judged_and_holds_where_all_agree():
    checks = by_name(*agreeing())
    assert set(checks) == set(BOUNDS) == set(SPOILED)
    assert all(check.passed for check in checks.values())
    exact = {name: check.measured for name, check in checks.items() if not name.startswith("stream_normals")}
    assert set(exact.values()) == {0.0}


def test_peers_are_judged_unless_the_settings_are_unknown_to_them():
    """Evidence without them is not enough: else a peer that was forgotten would be one that holds."""
    records, exchanges = agreeing()
    for one in records.values():
        one.facts["unknown_to_peers"] = ["objective.augmentation"]
    judged = by_name(records, exchanges)
    assert {name for name in BOUNDS if name not in judged} == {name for name in BOUNDS if name.startswith("native")}
    records, exchanges = agreeing()
    for name in [name for name in records["torch"].arrays if "/native" in name]:
        del records["torch"].arrays[name]
    with pytest.raises(KeyError):
        by_name(records, exchanges)


@pytest.mark.parametrize("name", BOUNDS)
def test_each_bound_fails(name):
    records, exchanges = agreeing()
    largest = np.abs(records["jax"].arrays["float64/forward/generator/dense"]).max()  # of every tensor here
    limit = BOUNDS[name].limit
    spoil(records, exchanges, name, {"relative": 2 * limit * largest, "count": 1}.get(BOUNDS[name].scale, 2 * limit))
    check = by_name(records, exchanges)[name]
    assert not check.passed
    assert check.measured == pytest.approx(2 * limit or 1, rel=0.3) or BOUNDS[name].scale == "count"


@pytest.mark.parametrize("name", [name for name, bound in BOUNDS.items() if bound.limit])
def test_half_of_each_bound_holds(name):
    records, exchanges = agreeing()
    amount = BOUNDS[name].limit * (1 if BOUNDS[name].scale == "gray levels" else 0.5)
    spoil(records, exchanges, name, amount)
    check = by_name(records, exchanges)[name]
    assert check.passed
    assert check.measured > 0


def test_float32_is_bound_in_its_first_steps_alone():
    records, exchanges = agreeing()
    records["torch"].arrays["float32/ours/losses"][29] += 0.5
    exchanges["torch"].arrays["float32/resumed/jax"][1] += 0.5
    checks = by_name(records, exchanges)
    assert checks["losses_float32"].passed and checks["resumed_float32"].passed


def test_a_value_that_is_not_a_number_fails_and_is_found():
    records, exchanges = agreeing()
    records["torch"].arrays["float64/ours/losses"][12, 1] = np.nan
    check = by_name(records, exchanges)["losses_float64"]
    assert not check.passed
    assert check.measured is None
    assert check.where == "step 12"


def test_a_missing_tensor_fails_and_is_named():
    records, exchanges = agreeing()
    del records["torch"].arrays["float64/ours/state/generator/kernel"]
    check = by_name(records, exchanges)["state_float64"]
    assert not check.passed
    assert "generator/kernel" in check.where


def test_where_the_largest_difference_is():
    records, exchanges = agreeing()
    spoil(records, exchanges, "losses_float64", 1e-6)
    exchanges["torch"].arrays["float64/resumed/jax"][4, 0] += 1e-6
    checks = by_name(records, exchanges)
    assert checks["losses_float64"].where == "step 28"
    assert checks["resumed_float64"].where == "written by jax, step 4 after it"


def test_a_resumed_run_that_differs_in_one_bit_of_a_loss_is_found():
    records, exchanges = agreeing()
    losses = exchanges["torch"].arrays["float32/resumed/torch"]
    losses[3, 1] += np.float32(2**-12)
    check = by_name(records, exchanges)["resume"]
    assert (check.measured, check.where) == (1.0, "torch, float32, first at step 3, by 0.00024")


def test_a_repeated_run_whose_state_alone_differs_is_found():
    records, exchanges = agreeing()
    exchanges["jax"].facts["sha256"]["float64/half"] = "another"
    check = by_name(records, exchanges)["again"]
    assert (check.measured, check.where) == (1.0, "jax, float64")


def test_curves_show_the_difference_and_when_training_became_chaotic():
    records, _ = agreeing()
    losses = records["torch"].arrays["float32/ours/losses"]
    losses[20:, 0] += np.float32(1.01 * CHAOS)
    losses[8, 0] += np.float32(0.9 * CHAOS)
    drawn = curves(records)
    assert drawn["float32"].difference[8] == pytest.approx(0.9 * CHAOS, rel=1e-3)
    assert drawn["float32"].d_loss["torch"][20] == pytest.approx(float(losses[20, 0]))
    assert chaotic_from(drawn["float32"].difference) == 20
    assert chaotic_from(drawn["float64"].difference) is None


@pytest.mark.parametrize("part", ["float64/forward/", "float32/gradients/", "float64/ours/state/", "stream/"])
def test_nothing_recorded_is_nothing_shown(part):
    """A part that no backend recorded must not count as agreement."""
    records, exchanges = agreeing()
    kept = ("stream/published", "stream/engine")
    for record in records.values():
        for name in [name for name in record.arrays if name.startswith(part) and name not in kept]:
            del record.arrays[name]
    failed = [check for check in judge(SEED, records, exchanges) if not check.passed]
    assert len(failed) in (1, 2)
    assert failed[0].measured is None
