"""Tables of tasks: chance by cluster, effects over clusters x seeds, pooled rows, and what is refused."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy import stats
from simulated_study import simulate_tasks

from workflow_scripts.analysis.cloze import MARGIN
from workflow_scripts.analysis.crossed import crossed_interval
from workflow_scripts.analysis.families import holm
from workflow_scripts.analysis.permutation import sign_flip
from workflow_scripts.analysis.tasks import (
    POINTS,
    POOLED,
    TASK_EFFECTS,
    TASK_MATRIX,
    against_chance,
    linearised,
    task_effects,
    task_losses,
    task_matrix,
)

LANGUAGES = {"de", "en", "sw"}


@pytest.fixture(scope="module")
def tasks():
    return simulate_tasks()


@pytest.fixture(scope="module")
def found(tasks):
    return task_effects(task_losses(tasks), LANGUAGES, LANGUAGES)


def scores(tasks, calibration, language, column="correct", method="wanda"):
    """[items, seeds] by another route than the code under test."""
    rows = tasks.filter(method=method, calibration=calibration, language=language)
    columns = {seed: dict(zip(part["item_id"], part[column], strict=True)) for (seed,), part in rows.group_by("seed")}
    return np.array([[columns[seed][item] for seed in sorted(columns)] for item in sorted(columns[0])])


def test_accuracy_spread_over_seeds_and_chance(tasks):
    matrix = task_matrix(tasks)
    assert matrix.schema == TASK_MATRIX
    row = matrix.filter(method="wanda", calibration="sw", language="de").row(0, named=True)
    per_seed = scores(tasks, "sw", "de").mean(axis=0)
    assert row["accuracy"] == pytest.approx(per_seed.mean())
    assert (row["accuracy_min"], row["accuracy_max"]) == pytest.approx((per_seed.min(), per_seed.max()))
    assert row["accuracy_sd"] == pytest.approx(per_seed.std(ddof=1))
    assert row["margin"] == pytest.approx(scores(tasks, "sw", "de", "margin").mean())
    assert (row["items"], row["clusters"], row["seeds"], row["chance"]) == (120, 60, 3, 0.25)
    known = dict(matrix.filter(method="dense").select("language", "above_chance").iter_rows())
    assert known == {"de": True, "en": True, "sw": False}
    assert matrix.filter(method="dense")["accuracy_sd"].null_count() == 3


def test_chance_is_tested_by_item_and_by_cluster():
    rng = np.random.default_rng(1)
    alone, chance = (rng.random(200) < 0.33).astype(float), np.full(200, 0.25)
    binomial = stats.binomtest(int(alone.sum()), 200, 0.25, "greater").pvalue
    by_item = stats.ttest_1samp(alone, 0.25, alternative="greater").pvalue
    assert against_chance(alone, chance, np.arange(200)) == pytest.approx(max(binomial, by_item))
    # Ten questions of a passage that are all right or all wrong are one question.
    together, passages = np.repeat(np.r_[np.ones(9), np.zeros(11)], 10), np.repeat(np.arange(20), 10)
    clustered = against_chance(together, chance, passages)
    assert clustered == pytest.approx(
        stats.ttest_1samp(np.r_[np.ones(9), np.zeros(11)], 0.25, alternative="greater").pvalue
    )
    assert clustered > 1000 * stats.binomtest(90, 200, 0.25, "greater").pvalue


def test_scores_between_zero_and_one_and_open_answers():
    shares = np.array([0.2, 0.5, 0.0, 1.0, 0.3])
    expected = stats.ttest_1samp(shares, 0, alternative="greater").pvalue
    assert against_chance(shares, np.zeros(5), np.arange(5)) == pytest.approx(expected)
    assert against_chance(np.zeros(5), np.zeros(5), np.arange(5)) == 1
    assert against_chance(np.ones(4), np.full(4, 0.5), np.arange(4)) == pytest.approx(1 / 16)


def test_guessing_passes_for_knowledge_no_more_often_than_it_should():
    rng, passages = np.random.default_rng(2), np.repeat(np.arange(40), 2)
    guesses = (rng.random((2000, 80)) < 0.25).astype(float)
    passed = np.mean([against_chance(row, np.full(80, 0.25), passages) < 0.05 for row in guesses])
    assert passed < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 2000)


def test_equal_clusters_stand_for_the_means_of_their_items():
    values = np.random.default_rng(3).normal(size=(12, 3))
    clusters = np.repeat(["a", "b", "c", "d"], 3)
    assert linearised(values, clusters) == pytest.approx(values.reshape(4, 3, 3).mean(axis=1))


def test_unequal_clusters_keep_the_mean_of_items_and_the_error_of_a_ratio():
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(25), rng.integers(1, 5, 25))
    values = rng.normal(size=(clusters.size, 3)) + rng.normal(size=25)[clusters][:, None]
    found = linearised(values, clusters)
    assert found.mean() == pytest.approx(values.mean())
    assert found.mean(axis=0) - values.mean() == pytest.approx(
        [(column - values.mean()).sum() / clusters.size for column in values.T]
    )
    # Delete-a-cluster jackknife of the ratio, which estimates the same error.
    items = values.mean(axis=1)
    without = np.array([items[clusters != each].mean() for each in range(25)])
    jackknife = np.sqrt(24 / 25 * ((without - without.mean()) ** 2).sum())
    assert found.mean(axis=1).std(ddof=1) / 5 == pytest.approx(jackknife, rel=0.1)


def test_an_effect_is_the_crossed_interval_of_clusters_and_seeds(tasks, found):
    assert found.schema == TASK_EFFECTS
    difference = 100 * (scores(tasks, "sw", "de") - scores(tasks, "de", "de"))
    expected = crossed_interval(difference.reshape(60, 2, 3).mean(axis=1))
    row = found.filter(method="wanda", own="de", other="sw", unit=POINTS).row(0, named=True)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((expected.mean, expected.low, expected.high))
    assert row["p_value"] == pytest.approx(expected.p_value)
    assert row["p_sign_flip"] == sign_flip(difference.mean(axis=1), np.repeat(np.arange(60), 2))
    assert row["own_loss"] == pytest.approx(
        100 * (scores(tasks, "none", "de", method="dense").mean() - scores(tasks, "de", "de").mean())
    )
    assert (row["documents"], row["clusters"], row["seeds"], row["languages"]) == (120, 60, 3, 1)
    assert row["documents_better"] == (difference.mean(axis=1) < 0).sum()
    margin = found.filter(method="wanda", own="de", other="sw", unit=MARGIN).row(0, named=True)
    gap = scores(tasks, "sw", "de", "margin") - scores(tasks, "de", "de", "margin")
    assert margin["difference"] == pytest.approx(gap.mean())
    assert margin["high"] < 0 and margin["detectable"] > 0


def test_only_where_the_dense_model_beats_chance(found):
    assert set(found.filter(~pl.col("pooled"))["own"]) == {"de", "en"}


def test_pooled_rows_take_an_item_of_all_languages_as_one(tasks, found):
    row = found.filter(pl.col("pooled"), method="wanda", other="sw", unit=MARGIN).row(0, named=True)
    gap = [scores(tasks, "sw", each, "margin") - scores(tasks, each, each, "margin") for each in ("de", "en")]
    expected = crossed_interval(np.mean(gap, axis=0).reshape(60, 2, 3).mean(axis=1))
    assert (row["own"], row["languages"], row["documents"], row["clusters"]) == (POOLED, 2, 240, 60)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((expected.mean, expected.low, expected.high))
    # Nothing is left to pool where a single language is compared with another one.
    assert found.filter(pl.col("pooled"))["other"].unique().to_list() == ["sw"]


def test_holm_is_taken_within_task_unit_and_kind_of_row(found):
    family = ["model", "method", "pattern", "corpus", "unit", "pooled"]
    for _, rows in found.group_by(family):
        for name, p_value in (("p_holm", "p_value"), ("p_sign_flip_holm", "p_sign_flip")):
            assert rows[name].to_numpy() == pytest.approx(holm(rows[p_value].to_numpy()))


def test_one_seed_leaves_the_test_of_these_masks():
    rows = task_effects(task_losses(simulate_tasks(seeds=1)), LANGUAGES, LANGUAGES)
    assert rows["p_value"].null_count() == rows["p_holm"].null_count() == rows["low"].null_count() == rows.height
    assert rows["p_sign_flip_holm"].null_count() == 0
    assert set(rows["reason"]) == {"1 of the 3 seeds that an interval needs"}


def test_a_task_without_margins_and_one_that_nobody_knows(tasks):
    unmarked = tasks.with_columns(margin=pl.lit(None, pl.Float64))
    assert set(task_effects(task_losses(unmarked), LANGUAGES, LANGUAGES)["unit"]) == {POINTS}
    unknown = tasks.with_columns(correct=pl.lit(0.0))
    nothing = task_effects(task_losses(unknown), LANGUAGES, LANGUAGES)
    assert nothing.is_empty() and nothing.schema == TASK_EFFECTS


def test_order_of_rows_does_not_matter(tasks, found):
    shuffled = tasks.sample(fraction=1, shuffle=True, seed=5)
    assert_frame_equal(task_effects(task_losses(shuffled), LANGUAGES, LANGUAGES), found, check_exact=True)
    assert_frame_equal(task_matrix(shuffled), task_matrix(tasks), check_exact=True)


def test_other_items_than_the_dense_models_are_refused(tasks):
    lacking = tasks.filter(~((pl.col("calibration") == "sw") & (pl.col("item_id") == "passage-003-1")))
    with pytest.raises(ValueError, match="not those of the dense model"):
        task_losses(lacking)
    with pytest.raises(ValueError, match="each once"):
        task_losses(pl.concat([tasks, tasks.head(1)]))
    apart = tasks.filter(~((pl.col("calibration") == "sw") & (pl.col("seed") > 0)))
    with pytest.raises(ValueError, match="share no seed"):
        task_effects(
            task_losses(apart.filter(~((pl.col("calibration") == "de") & (pl.col("seed") == 0)))), {"de"}, {"sw"}
        )
