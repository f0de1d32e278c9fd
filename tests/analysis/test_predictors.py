"""Predictors with a planted truth, against a plain implementation, and under relabelling."""

from itertools import permutations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tests.analysis.simulated_study import simulate, simulate_layers
from workflow_scripts.analysis.effects import losses
from workflow_scripts.analysis.errors import layer_errors
from workflow_scripts.analysis.inputs import input_similarity
from workflow_scripts.analysis.overlap import positions
from workflow_scripts.analysis.predictors import (
    PICKS,
    PREDICTORS,
    jackknife_interval,
    mantel,
    predicted_picks,
    predictors,
    within_rho,
)
from workflow_scripts.analysis.recommendation import best_calibration

LANGUAGES = ["ar", "de", "en", "es", "ru", "sw"]


def plain_rho(values: np.ndarray, loss: np.ndarray) -> float:
    """Ranks within each target, pooled and correlated, in loops."""
    left, right = [], []
    for target in range(len(values)):
        others = [c for c in range(len(values)) if c != target]
        ranks = [stats.rankdata([matrix[target, c] for c in others]) for matrix in (values, -loss)]
        left += list(ranks[0] - np.mean(ranks[0]))
        right += list(ranks[1] - np.mean(ranks[1]))
    return float(np.corrcoef(left, right)[0, 1])


@pytest.mark.parametrize("languages", [3, 5, 8])
def test_rho_is_that_of_ranks_within_targets(languages):
    rng = np.random.default_rng(languages)
    values, loss = rng.normal(size=(2, languages, languages))
    assert within_rho(values, loss) == pytest.approx(plain_rho(values, loss))
    # Whatever differs between targets alone does not count.
    assert within_rho(values, loss + rng.normal(size=(languages, 1))) == pytest.approx(plain_rho(values, loss))


def test_a_perfect_predictor_has_rho_one_and_its_opposite_minus_one():
    rng = np.random.default_rng(1)
    loss = rng.normal(size=(6, 6))
    assert mantel(-loss, loss)[0] == pytest.approx(1)
    assert within_rho(loss, loss) == pytest.approx(-1)


def test_the_p_value_counts_all_labellings():
    rng = np.random.default_rng(2)
    loss = rng.normal(size=(5, 5))
    values = -loss + rng.normal(scale=1.0, size=(5, 5))
    seen = plain_rho(values, loss)
    found = [plain_rho(values[np.ix_(order, order)], loss) for order in permutations(range(5))]
    assert mantel(values, loss)[1] == pytest.approx(np.mean(np.abs(found) >= abs(seen) - 1e-12))


def test_unrelated_predictors_are_found_as_often_as_the_level_says():
    rng = np.random.default_rng(3)
    p_values = np.array([mantel(*rng.normal(size=(2, 4, 4)))[1] for _ in range(300)])
    assert np.mean(p_values <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


def test_too_few_languages_and_no_variation_say_so():
    rng = np.random.default_rng(4)
    assert mantel(*rng.normal(size=(2, 3, 3)))[1] is None
    assert jackknife_interval(*rng.normal(size=(2, 4, 4))) == (None, None)
    assert mantel(np.ones((5, 5)), rng.normal(size=(5, 5))) == (None, None)


@pytest.fixture(scope="module")
def tables():
    """A study whose masks overlap the less, the more a calibration costs."""
    perplexity, overlap = simulate(languages=LANGUAGES, seeds=3)
    layers = layer_errors(simulate_layers(languages=LANGUAGES, seeds=3))
    return best_calibration(losses(perplexity)), positions(overlap), input_similarity(overlap), layers


def test_the_planted_predictor_is_found(tables):
    found = predictors(*tables)
    assert found.schema == PREDICTORS
    for predictor in ("mask_overlap", "input_norms"):
        row = found.filter(method="wanda", predictor=predictor).row(0, named=True)
        assert row["rho"] > 0.8 and row["p_value"] < 0.02
    row = found.filter(method="wanda", predictor="mask_overlap").row(0, named=True)
    assert set(found["predictor"]) == {"local_error", "mask_overlap", "input_norms"}
    assert ((found["reason"] == "") == found["low"].is_not_null()).all()
    assert row["reason"] == "too little differs between languages for an interval"


def test_picks_leave_the_own_language_out_and_cost_what_was_measured(tables):
    best, *rest = tables
    picks = predicted_picks(best, *rest)
    assert picks.schema == PICKS
    assert (picks["pick"] != picks["language"]).all()
    assert (picks["regret"] >= picks["best_regret"]).all()
    row = picks.filter(method="wanda", predictor="mask_overlap", language="sw").row(0, named=True)
    measured = best.filter(method="wanda", language="sw")
    assert row["regret"] == measured.filter(calibration=row["pick"])["regret"][0]
    others = measured.filter(pl.col("calibration") != "sw")
    assert row["best_regret"] == others["regret"].min()
    assert row["mean_regret"] == pytest.approx(others["regret"].mean())


def test_a_predictor_that_was_not_measured_is_left_out(tables):
    best, overlaps, alike, layers = tables
    without = pl.col("calibration_a") != "ar"
    found = predictors(best, overlaps.filter(without), alike.filter(without), layers)
    assert set(found["predictor"]) == {"local_error"}
    assert predictors(best.filter(pl.col("language").is_in(["de", "en"])), overlaps, alike, layers).is_empty()


def test_a_rho_that_no_language_changes_has_no_interval_of_no_width():
    loss = np.random.default_rng(5).normal(size=(6, 6))
    assert within_rho(-loss, loss) == pytest.approx(1)
    assert jackknife_interval(-loss, loss) == (None, None)


def test_a_planted_relation_has_an_interval_around_it_without_zero():
    rng = np.random.default_rng(5)
    loss = rng.normal(size=(7, 7))
    values = -loss + 0.3 * rng.normal(size=(7, 7))
    low, high = jackknife_interval(values, loss)
    assert 0 < low < within_rho(values, loss) < high
