"""The smallest detectable difference against statsmodels and a simulated t-test."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from workflow_scripts.analysis.power import smallest_detectable


@pytest.mark.parametrize("freedom", [2, 2.7, 10, 31, 500])
def test_against_the_power_of_a_t_test(freedom):
    # An effect of d standard deviations in n = freedom + 1 observations is d * sqrt(n) standard errors.
    expected = TTestPower().solve_power(nobs=freedom + 1, alpha=0.05, power=0.8) * math.sqrt(freedom + 1)
    assert smallest_detectable(0.5, freedom) == pytest.approx(0.5 * expected, rel=1e-4)


def test_four_in_five_t_tests_find_it():
    rng, size = np.random.default_rng(6), 9
    true = smallest_detectable(1 / math.sqrt(size), size - 1)
    # The standard error is estimated in each test, as the noncentral t distribution has it.
    found = stats.ttest_1samp(rng.normal(true, 1, (20_000, size)), 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_without_a_standard_error_there_is_none():
    assert math.isnan(smallest_detectable(math.nan, math.nan))
    assert smallest_detectable(0.0, 5) == 0
    for alpha, power in ((0.05, 1.0), (0.9, 0.8), (0.0, 0.8)):
        with pytest.raises(ValueError):
            smallest_detectable(1.0, 5, alpha, power)
