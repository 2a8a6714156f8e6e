"""How often a comparison of two reports is wrong, and what it finds, on simulated noise of several shapes."""

import numpy as np
import pytest
from scipy import stats

from cxrbench.measure.statistics import FACTOR
from cxrbench.report.comparison import compare
from tests.report.test_comparison import made

REPORTS, FIGURES, PROCESSES = 200, 11, 5
NOISE = {
    "normal": lambda draw, shape: draw.normal(size=shape),
    "heavy tails": lambda draw, shape: draw.standard_t(3, size=shape),
    "skewed": lambda draw, shape: draw.exponential(size=shape),
    "two speeds": lambda draw, shape: draw.normal(size=shape) / 4 + 2 * draw.integers(0, 2, size=shape),
    "one process in ten far slower": lambda draw, shape: draw.normal(size=shape) + 8 * (draw.random(shape) < 0.1),
    # All figures of one repeat share half of its variance: they ran beside each other.
    "shared": lambda draw, shape: (draw.normal(size=shape) + draw.normal(size=(shape[0], 1, shape[2]))) / 2**0.5,
}


def pairs_of_reports(shape, spread):
    """Step times of twice ``REPORTS`` reports whose figures are all the same but for ``spread``, a share of 1."""
    draw = np.random.default_rng(0)
    sides = [np.exp(spread * NOISE[shape](draw, (REPORTS, FIGURES, PROCESSES))) for _ in range(2)]
    return zip(*sides, strict=True)


def report(times):
    return [made(values, image_size=size) for size, values in enumerate(times, start=1)]


@pytest.mark.parametrize("shape", NOISE)
def test_equal_reports_differ_in_5_of_100_at_most(shape):
    """With noise far beyond the factor, which then protects from nothing, of 5 processes and of 3 %."""
    different = regressed = uncorrected = 0
    for old, new in pairs_of_reports(shape, 0.03):
        found = compare(report(old), report(new), FACTOR)
        regressed += bool(found.regressions)
        different += any(pair.found != "cannot be told" for pair in found.pairs)
        chances = stats.mannwhitneyu(old, new, axis=1, method="exact").pvalue
        uncorrected += bool((chances <= 0.05).any())
    assert regressed <= different <= 0.05 * REPORTS
    assert uncorrected > 0.15 * REPORTS  # so the simulation would show an error that is not controlled


@pytest.mark.parametrize(("spread", "least"), [(0.005, 0.99), (0.01, 0.95), (0.015, 0.7), (0.02, 0.35)])
def test_5_percent_in_one_of_11_figures_are_found(spread, least):
    changed = np.ones((FIGURES, 1))
    changed[4] = 1.05
    found = [compare(report(old), report(new * changed), FACTOR) for old, new in pairs_of_reports("normal", spread)]
    assert np.mean([[pair.new.image_size for pair in one.regressions] == [5] for one in found]) >= least


def test_a_third_more_is_found_among_many_figures():
    """The exact test alone, corrected for 60 figures, would find nothing with 5 processes, however large."""
    draw = np.random.default_rng(0)
    old, new = np.exp(0.02 * draw.normal(size=(2, 60, PROCESSES)))
    new[7] *= 4 / 3
    assert [pair.new.image_size for pair in compare(report(old), report(new), FACTOR).regressions] == [8]
