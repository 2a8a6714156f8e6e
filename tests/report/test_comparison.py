"""Two reports, pair by pair: what is told, what is not, and how often it is told wrongly."""

import numpy as np
import pytest
from scipy import stats

from cxrbench.measure.statistics import verdict
from cxrbench.report.comparison import COMPARED, can_tell, compare, fewest, smallest_p
from cxrbench.report.results import UNITS, Record

STEADY = np.array([0.990, 0.996, 1.000, 1.003, 1.008])
FACTOR = 1.02


def made(values, metric="step_time", backend="jax", **changes) -> Record:
    values = [float(value) for value in values]
    setting = {"variant": "ours", "device": "cpu", "precision": "float32", "image_size": 64, "batch_size": 32}
    figure = {"metric": metric, "unit": UNITS[metric], "value": np.median(values), "n": len(values), "values": values}
    return Record.model_validate({"backend": backend, **setting, **figure, **changes})


def found(old, new, factor=FACTOR):
    """Of one pair."""
    (pair,) = compare([old], [new], factor).pairs
    return pair.found


@pytest.mark.parametrize(
    ("metric", "word_for_more", "word_for_less"),
    [
        ("step_time", "slower", "faster"), ("first_step_time", "slower", "faster"),
        ("sampling_throughput", "faster", "slower"), ("input_throughput", "faster", "slower"),
        ("peak_host_memory", "more", "less"), ("energy", "more", "less"),
    ],
)  # fmt: skip
def test_each_metric_has_its_direction_and_its_words(metric, word_for_more, word_for_less):
    low, high = made(5 * STEADY, metric), made(6 * STEADY, metric)
    assert (found(low, high), found(high, low)) == (word_for_more, word_for_less)
    regressed = [bool(compare([old], [new], FACTOR).regressions) for old, new in ((low, high), (high, low))]
    assert regressed == [word in ("slower", "more") for word in (word_for_more, word_for_less)]


def test_a_change_within_the_factor_is_not_told_however_sure_it_is():
    steady = 1 + (STEADY - 1) / 100
    assert found(made(steady), made(1.019 * steady)) == "cannot be told"
    assert found(made(steady), made(1.021 * steady)) == "slower"
    assert found(made(steady), made(1.021 * steady), factor=1.05) == "cannot be told"


def test_neither_test_alone_decides():
    """Welch's is sure of the first pair, the exact one of the second; each is fooled by one odd process."""
    odd_old = made([1.00, 1.001, 1.002, 1.003, 1.10])
    assert stats.ttest_ind(np.log(odd_old.values), np.log(1.09 * STEADY), equal_var=False).pvalue < 0.05
    assert found(odd_old, made(1.09 * STEADY)) == "cannot be told"
    spread = made([1.03, 1.04, 1.05, 1.3, 9.0])
    assert verdict(list(STEADY), spread.values, FACTOR) == "slower"
    assert found(made(STEADY), spread) == "cannot be told"


def test_what_never_varies_is_more_or_the_same():
    same = made([2.0**30] * 5, "peak_device_memory")
    assert found(same, same) == "cannot be told"
    assert found(same, made([2.0**30 * 1.03] * 5, "peak_device_memory")) == "more"


@pytest.mark.parametrize(
    "change",
    [
        {"backend": "torch"}, {"variant": "keras-fit"}, {"device": "gpu"}, {"precision": "float64"},
        {"image_size": 128}, {"batch_size": 8}, {"metric": "build_time"},
    ],
)  # fmt: skip
def test_only_figures_of_one_thing_are_compared(change):
    old, new = made(STEADY), made(STEADY).model_copy(update=change)
    comparison = compare([old], [new], FACTOR)
    assert (comparison.pairs, comparison.only_old, comparison.only_new) == ([], [old], [new])


def test_what_follows_from_another_figure_is_not_counted_twice():
    twice = [made(STEADY), made(32 / STEADY, "images_per_second")]
    assert [pair.old.metric for pair in compare(twice, twice, FACTOR).pairs] == ["step_time"]


def test_metrics_can_be_chosen_and_come_in_one_order():
    every = [made(STEADY, metric) for metric in reversed(COMPARED)]
    assert [pair.old.metric for pair in compare(every, every, FACTOR).pairs] == list(COMPARED)
    chosen = ("step_time", "energy")
    comparison = compare(every, every[:-1], FACTOR, chosen)
    assert [pair.old.metric for pair in comparison.pairs] == ["energy"]
    assert [one.metric for one in comparison.only_old] == ["step_time"]


def test_figures_without_values_per_process_are_not_tested():
    earlier = made(STEADY).model_copy(update={"values": []})
    comparison = compare([earlier], [made(2 * STEADY)], FACTOR)
    assert (comparison.pairs, comparison.untested) == ([], [earlier])


@pytest.mark.parametrize(("factor", "word"), [(1.2, "more"), (1.05, "cannot be told"), (0.8, "less")])
def test_memory_of_one_process_is_told_by_its_size_alone(factor, word):
    old, new = (made([size], "peak_host_memory").model_copy(update={"values": []}) for size in (1e9, factor * 1e9))
    (pair,) = compare([old], [new], FACTOR).pairs
    assert (pair.found, pair.p) == (word, None)


def test_the_correction_counts_what_is_tested_and_nothing_else():
    old, new = made(STEADY), made(1.03 * STEADY)
    others = [made(STEADY, image_size=size) for size in range(1, 11)]
    few = [made(STEADY[:3], image_size=size) for size in range(101, 150)]
    alone = compare([old], [new], FACTOR).pairs[0].p
    assert alone == pytest.approx(stats.ttest_ind(np.log(old.values), np.log(new.values), equal_var=False).pvalue)
    assert compare([*others, old], [*others, new], FACTOR).pairs[-1].p == pytest.approx(11 * alone)
    assert compare([*few, old], [*few, new], FACTOR).pairs[-1].p == alone


def test_p_is_corrected_step_by_step():
    """Holm's own rule: the smallest of three p times 3, the next times 2, and never less than the one before."""
    old = [made(STEADY, image_size=size) for size in (1, 2, 3)]
    new = [made(factor * STEADY, image_size=size) for size, factor in ((1, 1.006), (2, 1.02), (3, 1.007))]
    chances = [compare([one], [other], FACTOR).pairs[0].p for one, other in zip(old, new, strict=True)]
    largest, smallest, middle = chances
    assert smallest < middle < largest < 2 * middle < 1
    corrected = [pair.p for pair in compare(old, new, FACTOR).pairs]
    assert corrected == pytest.approx([2 * middle, 3 * smallest, 2 * middle])


@pytest.mark.parametrize(("old", "new"), [(2, 7), (2, 8), (3, 3), (3, 4), (3, 5), (4, 4), (5, 5)])
def test_how_many_processes_can_tell_anything(old, new):
    """Against the test itself, on the clearest values there are."""
    clearest = stats.mannwhitneyu(range(old), range(old, old + new), method="exact").pvalue
    assert smallest_p(old, new) == pytest.approx(clearest)
    assert can_tell(old, new) == (clearest <= 0.05)
    assert (fewest(old) <= new) == (clearest <= 0.05)
    pair = compare([made(STEADY[:1].repeat(old))], [made(9 * STEADY[:1].repeat(new))], FACTOR).pairs[0]
    assert (pair.found, pair.p is None) == (("slower", False) if clearest <= 0.05 else ("cannot be told", True))


def test_the_fewest_on_both_sides_can_tell_and_one_less_cannot():
    assert can_tell(fewest(), fewest()) and not can_tell(fewest() - 1, fewest() - 1)
    assert not can_tell(1, 99)  # one value has no variance
