"""Ours against what is written by hand, and against stock Keras: what is claimed, and what is not."""

import pytest

from cxrbench.parity.result import Parity
from cxrbench.report.headline import headline
from cxrbench.report.peers import against_native, against_stock, best_native
from cxrbench.report.results import Results
from cxrbench.report.standings import standings
from tests.report.fabricate import parity_json, small_config
from tests.report.fabricate_bench import VARIANTS, benchmarked

CONFIG = small_config()
SIZES = "at 32x32 images, batch 16"


def compared(content) -> list[str]:
    standing = standings(Results.model_validate(content))[0]
    return [*against_native(standing), *against_stock(standing)]


def said(change=None) -> list[str]:
    """The sentences on the first setting, after ``change`` was made to each of its records."""
    content = benchmarked(CONFIG)
    for record in content["records"]:
        if change and record["image_size"] == CONFIG.data.image_size:
            record |= change(record) or {}
    return compared(content)


def test_the_best_hand_written_form_of_each_backend_is_compared():
    native, stock = said()
    assert native.startswith(
        f"Against the best hand-written form, {SIZES}, the shared definition takes 1.11 times as long"
    )
    # 1 / 0.9 of the only mode; 1 / 1.25 of compile and not 1 / 1.6 of eager; graph and not xla, whose step takes 1.3
    assert (
        "1.11 times as long on JAX (jit; " in native
        and "0.800 of the time on PyTorch (compile; 0.792 to 0.808)" in native
    )
    assert ", and cannot be told apart from it on TensorFlow (1.00 of the time, graph; 0.971 to 1.03)." in native
    assert "eager" not in native and "xla" not in native
    assert stock.startswith(f"Against stock Keras (fit), {SIZES}, the shared definition takes 0.667 of the time on JAX")
    assert "0.400 of the time on PyTorch" in stock and "told apart" not in stock


def test_the_best_mode_is_that_of_the_least_step_time():
    content = benchmarked(CONFIG)
    modes = {}
    for record in content["records"]:
        if (record["backend"], record["metric"]) == ("torch", "step_time") and record["variant"].startswith("native"):
            modes.setdefault(record["image_size"], []).append((record["value"], record["variant"]))
    for standing in standings(Results.model_validate(content)):
        best = best_native(standing, "torch")
        assert (best.value, best.variant) == min(modes[best.image_size])
    assert VARIANTS["torch"]["native-compile"] < VARIANTS["torch"]["native-eager"]


@pytest.mark.parametrize(
    ("low", "high", "told"), [(0.98, 1.02, False), (0.95, 1.0, False), (0.95, 0.999, True), (1.001, 1.05, True)]
)
def test_an_interval_that_holds_one_is_no_difference(low, high, told):
    def change(record):
        if record["metric"] == "step_time_ratio" and record["backend"] == "jax":
            return {"value": (low + high) / 2, "ci_low": low, "ci_high": high}

    for sentence in said(change):
        tied = sentence.partition("cannot be told apart")[2]
        assert ("JAX" in tied) != told


def test_a_ratio_without_an_interval_is_said_to_have_none():
    native, _ = said(
        lambda record: {"ci_low": None, "ci_high": None} if record["metric"] == "step_time_ratio" else None
    )
    assert "0.800 of the time on PyTorch (compile; no interval was measured)" in native


def test_what_was_not_measured_is_not_compared():
    content = benchmarked(CONFIG)
    content["records"] = [one for one in content["records"] if one["variant"] == "ours"]
    assert compared(content) == []
    content["records"] += [one for one in benchmarked(CONFIG)["records"] if one["variant"] == "native-jit"]
    (only,) = compared(content)
    assert "JAX (jit; " in only and "PyTorch" not in only


def test_backends_that_did_not_do_the_same_work_are_not_compared():
    failing = Parity.model_validate(parity_json(CONFIG, {"losses_float64": 1.0}))
    results = Results.model_validate(benchmarked(CONFIG))
    plain = headline(results)
    assert plain.answer.startswith("Against the best hand-written form") and " was fastest: " in plain.further[0]
    # In each of two settings the order of the backends, two sentences on peers, and one on memory: the first is above.
    assert len(plain.further) == 7
    refuted = headline(results.model_copy(update={"parity": failing}))
    assert refuted.further == [] and refuted.answer.startswith("These backends did not do the same work")
