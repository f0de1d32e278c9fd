"""Crossed intervals against hand-computed analyses of variance, classical tests and simulated coverage."""

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.formula.api import mixedlm, ols

from workflow_scripts.analysis.crossed import crossed_interval, mean_squares, variance_of_mean

# Two documents x three seeds; grand mean 4, document means 3 and 5, seed means 2, 4 and 6.
TABLE = np.array([[2.0, 2.0, 5.0], [2.0, 6.0, 7.0]])


def test_hand_computed_analysis_of_variance():
    # documents: 3 * (1 + 1) / 1; seeds: 2 * (4 + 0 + 4) / 2; residuals (1, -1, 0), (-1, 1, 0): 4 / 2.
    assert mean_squares(TABLE) == pytest.approx((6, 8, 2))
    variance, freedom = variance_of_mean(TABLE)
    assert variance == pytest.approx((6 + 8 - 2) / 6)
    assert freedom == pytest.approx(12**2 / (6**2 / 1 + 8**2 / 2 + 2**2 / 2))
    interval = crossed_interval(TABLE, confidence=0.9)
    reach = stats.t.ppf(0.95, freedom) * math.sqrt(2)
    assert (interval.low, interval.mean, interval.high) == pytest.approx((4 - reach, 4, 4 + reach))
    assert (interval.documents, interval.seeds, interval.reason) == (2, 3, "")
    assert interval.p_value == pytest.approx(2 * stats.t.sf(4 / math.sqrt(2), freedom))


def test_against_the_analysis_of_variance_and_the_mixed_model_of_statsmodels():
    rng = np.random.default_rng(8)
    values = 0.3 + rng.normal(0, 1, (14, 1)) + rng.normal(0, 0.8, (1, 4)) + rng.normal(0, 0.5, (14, 4))
    document, seed = np.indices(values.shape)
    table = pd.DataFrame({"loss": values.ravel(), "document": document.ravel(), "seed": seed.ravel(), "all": 1})
    analysed = sm.stats.anova_lm(ols("loss ~ C(document) + C(seed)", table).fit())
    assert mean_squares(values) == pytest.approx(tuple(analysed["sum_sq"] / analysed["df"]))
    # Of a balanced table whose components are all above zero, restricted maximum likelihood is the same estimate.
    components = {"document": "0 + C(document)", "seed": "0 + C(seed)"}
    fitted = mixedlm("loss ~ 1", table, groups="all", vc_formula=components).fit(reml=True)
    interval = crossed_interval(values)
    assert interval.mean == pytest.approx(fitted.params["Intercept"], rel=1e-4)
    assert interval.standard_error == pytest.approx(fitted.bse["Intercept"], rel=1e-2)


def test_equal_seeds_leave_the_t_test_over_documents():
    documents = np.random.default_rng(1).normal(0.4, 1, 12)
    interval = crossed_interval(np.tile(documents[:, None], 3))
    expected = stats.ttest_1samp(documents, 0)
    assert interval.p_value == pytest.approx(expected.pvalue)
    assert (interval.low, interval.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_a_negative_component_is_cut_at_zero():
    # Rows and columns have equal means, so only the residual varies: the plain estimate is negative.
    values = np.array([[1.0, 0.0, -1.0], [-1.0, 1.0, 0.0], [0.0, -1.0, 1.0]])
    squares = mean_squares(values)
    assert squares.documents + squares.seeds - squares.residual < 0
    variance, _ = variance_of_mean(values)
    assert variance == pytest.approx(squares.residual / 9)


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_give_no_interval(seeds):
    interval = crossed_interval(np.ones((8, seeds)))
    assert interval.mean == 1
    assert all(math.isnan(x) for x in (interval.low, interval.high, interval.standard_error, interval.p_value))
    assert interval.reason.startswith(f"{seeds} of the 3 seeds")


def test_one_document_gives_no_interval():
    assert crossed_interval(np.arange(3.0)[None]).reason.startswith("1 of the 2 documents")


@pytest.mark.parametrize(("value", "p_value"), [(0.0, 1.0), (0.5, 0.0)])
def test_no_variation_at_all(value, p_value):
    interval = crossed_interval(np.full((4, 3), value))
    assert (interval.low, interval.high, interval.p_value) == (value, value, p_value)
    assert interval.degrees_of_freedom == 2


@pytest.mark.parametrize(
    ("values", "confidence"),
    [(np.ones(3), 0.95), (np.ones((0, 3)), 0.95), (np.array([[1, np.nan, 1]] * 3), 0.95), (np.ones((3, 3)), 95)],
)
def test_refusals(values, confidence):
    with pytest.raises(ValueError):
        crossed_interval(values, confidence)


@pytest.mark.parametrize(
    ("document", "seed", "residual"), [(1, 0.3, 1), (1, 0.2, 0.3), (1, 0.15, 0.5), (0.3, 1, 1), (1, 0, 1)]
)
def test_coverage_at_32_documents_and_3_seeds(document, seed, residual):
    rng, draws = np.random.default_rng(2024), 4000
    values = (
        rng.normal(0, document, (draws, 32, 1))
        + rng.normal(0, seed, (draws, 1, 3))
        + rng.normal(0, residual, (draws, 32, 3))
    )
    variance, freedom = variance_of_mean(values)
    covered = np.abs(values.mean(axis=(1, 2))) <= stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    assert 0.93 <= covered.mean() <= 0.97
