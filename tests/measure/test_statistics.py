"""Intervals that cover as often as they say, and verdicts that neither see what is not there nor miss what is."""

import tomllib

import numpy as np
import pytest

from cxrbench.configfile import BASE, CONFIGS
from cxrbench.measure.statistics import (
    UNSTABLE_SPREAD,
    drift,
    process_interval,
    ratio_interval,
    spread,
    verdict,
)
from tests.measure.fake import processes

TRUE = 0.2  # seconds
with (CONFIGS / BASE).open("rb") as stream:
    REPEATS = tomllib.load(stream)["bench"]["repeats"]


def medians(blocks):
    return [float(np.median(one)) for one in blocks]


def test_a_process_counts_once_however_many_blocks_it_has():
    found = process_interval([[1.0, 1.0, 9.0], [2.0], [3.0] * 50])
    assert found.value == 2.0
    assert found.low < 2.0 < found.high
    assert process_interval([[2.0, 2.0]] * 5) == pytest.approx((2.0, 2.0, 2.0))


def test_one_process_says_nothing_of_the_next():
    value, low, high = process_interval([[1.0, 2.0, 3.0]])
    assert value == 2.0 and np.isnan(low) and np.isnan(high)


def test_the_interval_holds_for_throughput_as_for_time():
    times = processes(np.random.default_rng(0), TRUE)
    time, rate = process_interval(times), process_interval([[1.0 / one for one in blocks] for blocks in times])
    # Not to the last digit: of an even number of blocks, the mean of the middle two is taken before the inverse.
    np.testing.assert_allclose([1.0 / rate.value, 1.0 / rate.high, 1.0 / rate.low], time, rtol=2e-3)


@pytest.mark.parametrize(("count", "noise"), [(3, 0.015), (5, 0.015), (5, 0.06), (7, 0.06)])
def test_the_interval_over_processes_covers_the_true_time(count, noise):
    """Of 400: at least 92 %, and not always, which an interval too wide to be of use would."""
    rng = np.random.default_rng(2)
    found = [process_interval(processes(rng, TRUE, count, noise=noise)) for _ in range(400)]
    covered = sum(one.low <= TRUE <= one.high for one in found)
    assert 0.92 <= covered / 400 <= 0.995


def test_an_interval_over_blocks_alone_would_not_cover():
    """What the process as the unit is for: each block taken for a process of its own claims too much."""
    rng = np.random.default_rng(3)
    found = [process_interval([[one] for one in sum(processes(rng, TRUE), [])]) for _ in range(200)]
    assert sum(one.low <= TRUE <= one.high for one in found) / 200 < 0.85


@pytest.mark.parametrize("count", [3, 5])
def test_the_interval_of_a_ratio_covers_although_the_machine_drifts(count):
    rng = np.random.default_rng(4)
    covered = 0
    widths = []
    for _ in range(400):
        machine = rng.normal(0.0, 0.10, count)  # of each repeat, shared by the two that run side by side
        left, right = (processes(rng, seconds, count, noise=0.015, machine=machine) for seconds in (1.25 * TRUE, TRUE))
        value, low, high = ratio_interval(left, right)
        covered += low <= 1.25 <= high
        widths.append((high - low) / value)
    assert 0.92 <= covered / 400 <= 0.995
    if count == 5:
        assert np.median(widths) < 0.10  # pairing takes the 10 % of the machine out


def test_a_ratio_needs_pairs():
    with pytest.raises(ValueError, match="2 processes cannot be paired with 1"):
        ratio_interval([[1.0], [1.0]], [[1.0]])


def test_two_identical_variants_cannot_be_told_apart():
    rng = np.random.default_rng(5)
    said = [verdict(medians(processes(rng, TRUE, REPEATS)), medians(processes(rng, TRUE, REPEATS))) for _ in range(100)]
    assert said.count("cannot be told") >= 95


@pytest.mark.parametrize(("change", "word"), [(1.05, "slower"), (1 / 1.05, "faster")])
def test_a_difference_of_five_percent_is_found_in_most_comparisons(change, word):
    """At the default repeats in 86 % of 1,000; 300 of them here, with room for three standard errors."""
    rng = np.random.default_rng(6)
    pairs = [[medians(processes(rng, seconds, REPEATS)) for seconds in (TRUE, TRUE * change)] for _ in range(300)]
    said = [verdict(*pair) for pair in pairs]
    assert said.count(word) / 300 > 0.77
    assert set(said) <= {word, "cannot be told"}


def test_a_difference_that_is_certain_but_small_does_not_count():
    old = [1.0, 1.0001, 1.0002, 1.0003, 1.0004]
    assert verdict(old, [1.02 * one for one in old]) == "cannot be told"
    assert verdict(old, [1.02 * one for one in old], factor=1.01) == "slower"
    assert verdict(old, old) == "cannot be told"


def test_three_processes_cannot_tell_and_four_can():
    assert verdict([1.0, 1.1, 1.2], [2.0, 2.1, 2.2]) == "cannot be told"
    assert verdict([1.0, 1.1, 1.2, 1.3], [2.0, 2.1, 2.2, 2.3]) == "slower"


def test_processes_that_disagree_are_unstable_and_quiet_ones_are_not():
    assert spread([[0.9], [1.0, 1.0], [1.0], [1.1], [1.1]]) == pytest.approx(0.1)
    rng = np.random.default_rng(7)
    quiet = [spread(processes(rng, TRUE, noise=0.015)) for _ in range(200)]
    loud = [spread(processes(rng, TRUE, noise=0.15)) for _ in range(200)]
    assert np.mean(np.array(quiet) > UNSTABLE_SPREAD) < 0.05
    assert np.mean(np.array(loud) > UNSTABLE_SPREAD) > 0.85


def test_one_slow_block_is_no_drift_and_a_steady_rise_is():
    assert drift([1.0, 1.02, 0.99, 1.01, 9.0, 1.0, 0.98, 1.03, 1.0, 1.01]).low <= 0.0
    value, low, high = drift([1.0 + 0.01 * n for n in range(11)])
    assert value == pytest.approx(0.1 / 1.05)
    assert 0.0 < low <= value <= high
