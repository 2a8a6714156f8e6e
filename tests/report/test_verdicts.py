"""A report beside its reproduction: each kind of verdict, at the bounds where one becomes another."""

import pytest

from cxrbench.parity.bounds import BOUNDS
from cxrbench.parity.result import Parity
from cxrbench.report.results import Record, Results
from cxrbench.report.verdicts import compare, differing_fingerprints, missing_figures, summary, table
from tests.report.fabricate import parity_json, record, run_json, small_config

CONFIG = small_config()


def made(*records, **manifest) -> Results:
    """Results of these figures alone."""
    settings = CONFIG.model_dump(mode="json")
    about = {
        "name": "old", "created": "2026-01-02T03:04:05+00:00", "commit": None, "clean": None, "config": settings,
        "config_fingerprint": CONFIG.fingerprint, "training_fingerprint": CONFIG.training_fingerprint,
        "data_fingerprint": "00112233aabbccdd", "attribution": None, "command": "-",
        "runs": {"jax": run_json(CONFIG, "jax")},
    }  # fmt: skip
    return Results.model_validate({"manifest": about | manifest, "records": list(records), "not_measured": []})


def step(value, low=None, high=None, backend="jax", **changes):
    return record(CONFIG, backend, "step_time", value, ci_low=low, ci_high=high, **changes)


def verdict(old, new):
    return compare(made(old), made(new))[-1]


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (step(0.10, 0.09, 0.11), step(0.10, 0.01, 0.50), "same"),
        (step(0.10), step(0.10), "same"),
        (step(0.10, 0.09, 0.11), step(0.11), "within its interval"),  # at its end
        (step(0.10, 0.09, 0.11), step(0.1100001), "different"),
        (step(0.10, 0.09, 0.11), step(0.09), "within its interval"),
        (step(0.10, 0.09, 0.11), step(0.0899999), "different"),
        (step(0.10, 0.09, 0.11), step(0.12, 0.11, 0.13), "within its interval"),  # the intervals touch
        (step(0.10, 0.09, 0.11), step(0.12, 0.1100001, 0.13), "different"),
        (step(0.10, 0.09, 0.11), step(0.08, 0.07, 0.09), "within its interval"),
        (step(0.10, 0.09, 0.11), step(0.08, 0.07, 0.0899999), "different"),
        (step(0.10), step(0.10000001), "different"),  # nothing says how far another measurement may lie
        (step(0.10), step(0.11, 0.09, 0.12), "different"),
    ],
)
def test_equal_within_or_different(old, new, kind):
    assert verdict(old, new).kind == kind


def test_a_different_value_has_its_ratio():
    assert verdict(step(0.10), step(0.15)).ratio == pytest.approx(1.5)
    assert verdict(step(0.10), step(0.05)).ratio == pytest.approx(0.5)
    distance = {"metric": "fid_inception_n32", "unit": "feature units²"}
    assert verdict(step(1.0) | distance | {"value": -1.0}, step(1.0) | distance).ratio is None
    assert verdict(step(1.0) | distance | {"value": 0.0}, step(1.0) | distance).ratio is None


@pytest.mark.parametrize(
    "change",
    [
        {"backend": "torch"}, {"variant": "native"}, {"device": "gpu"}, {"precision": "float64"}, {"image_size": 64},
        {"batch_size": 7}, {"metric": "first_step_time"},
    ],
)  # fmt: skip
def test_figures_of_different_things_are_not_compared(change):
    found = compare(made(step(0.1)), made(step(0.1) | change))[3:]
    assert [one.kind for one in found] == ["missing", "missing"]
    assert found[0].new is None and found[1].old is None
    assert missing_figures(found) == found[:1]  # what only the new one has is no loss


def test_another_unit_is_another_thing_and_another_number_of_blocks_is_not():
    distance = step(0.1) | {"metric": "fid_inception_n32", "unit": "feature units²"}
    assert [one.kind for one in compare(made(distance), made(distance | {"unit": "1"}))[3:]] == ["missing", "missing"]
    assert verdict(step(0.1, n=10), step(0.1, n=99)).kind == "same"


def test_fingerprints_come_first_and_the_name_is_none_of_them():
    other = made(step(0.1), config=CONFIG.model_dump(mode="json") | {"name": "again"}, config_fingerprint="f" * 16)
    found = compare(made(step(0.1)), other)
    assert [(one.backend, one.kind) for one in found] == [(None, "same")] * 3 + [("jax", "same")]
    assert not differing_fingerprints(found)


def test_each_fingerprint_that_differs_is_found():
    settings = CONFIG.model_dump(mode="json")
    for change in (
        {"training_fingerprint": "f" * 16},
        {"data_fingerprint": "f" * 16},
        {"data_fingerprint": None},
        {"config": settings | {"bench": settings["bench"] | {"rounds": 99}}},
    ):
        found = differing_fingerprints(compare(made(), made(**change)))
        assert len(found) == 1, change


def test_a_fingerprint_that_the_report_has_not_says_nothing():
    found = compare(made(training_fingerprint=None, data_fingerprint=None), made(data_fingerprint=None))
    assert [one.kind for one in found] == ["missing", "same"]  # without data, neither has any
    assert not differing_fingerprints(found)


def test_other_data_are_said_before_anything_else():
    found = compare(made(step(0.1)), made(step(0.1), data_fingerprint="f" * 16))
    first, second = table(found).splitlines()[:2]
    assert "DATA DIFFER: 00112233aabbccdd in the report, ffffffffffffffff now" in first
    assert second.split() == ["report", "again", "verdict"]
    assert "DIFFER:" not in table(compare(made(step(0.1)), made(step(0.1))))


def test_the_table_is_grouped_aligned_and_has_each_value_in_its_unit():
    old = made(step(0.1, 0.09, 0.11), step(0.2, backend="torch"), record(CONFIG, "jax", "peak_host_memory", 2.0**30))
    new = made(step(0.105), step(0.3, backend="torch"))
    lines = table(compare(old, new)).splitlines()
    heads = [line for line in lines[1:] if not line.startswith(" ")]
    assert heads == ["Fingerprints", "JAX", "PyTorch"]
    jax, torch = (line for line in lines if "Time per training step" in line)
    assert "100 ms (90.0 to 110)" in jax and "105 ms" in jax and jax.endswith("within its interval")
    assert torch.endswith("different: 1.50 times the report's")
    memory = next(line for line in lines if "Peak host memory" in line)
    assert "1.00 GiB" in memory and memory.endswith("missing now")
    columns = [jax.index("within"), torch.index("different"), memory.index("missing"), lines[0].index("verdict")]
    assert len(set(columns)) == 1


def test_a_ratio_that_is_not_one_does_not_read_one():
    text = table(compare(made(step(0.1)), made(step(0.1000003))))
    assert "different: 1.000003" in text


def test_settings_are_named_where_a_report_has_several():
    both = made(step(0.1), step(0.2, batch_size=64))
    assert "batch 64" in table(compare(both, both))
    assert "batch" not in table(compare(made(step(0.1)), made(step(0.1))))


def test_the_summary_counts_each_kind():
    old = made(step(0.1), step(0.2, 0.1, 0.3, variant="native"), step(0.3, backend="torch"), step(1, device="gpu"))
    new = made(step(0.1), step(0.25, variant="native"), step(0.4, backend="torch"))
    assert summary(compare(old, new)) == "7 values: 4 same, 1 within their interval or bound, 1 different, 1 missing"


def test_verdicts_keep_both_values_whole():
    kept = verdict(step(0.1, 0.09, 0.11), step(0.2)).as_json()
    assert Record.model_validate(kept["old"]).ci_high == 0.11 and Record.model_validate(kept["new"]).value == 0.2
    assert (kept["name"], kept["verdict"], kept["ratio"]) == ("step_time", "different", 2.0)


def proven(measured):
    proof = parity_json(CONFIG)
    proof["checks"][0] |= {"limit": 0.5, "measured": measured}
    return made(step(0.1)).model_copy(update={"parity": Parity.model_validate(proof)})


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [(0.1, 0.1, "same"), (0.1, 0.5, "within its bound"), (0.1, 0.6, "different"), (0.1, None, "different")],
)
def test_a_bound_of_parity_is_compared_too(old, new, kind):
    found = compare(proven(old), proven(new))
    bounds = {one.name: one for one in found if one.group == "Parity"}
    assert list(bounds) == list(BOUNDS)
    assert [one.kind for one in bounds.values()] == [kind] + ["same"] * (len(BOUNDS) - 1)
    assert not differing_fingerprints(found)
    assert ("not finite (FAILS)" in table(found)) == (new is None)


def test_a_reproduction_without_parity_misses_every_bound():
    found = compare(proven(0.1), made(step(0.1)))
    assert [one.name for one in missing_figures(found)] == list(BOUNDS)
