"""Effects and best calibrations on tables whose truth is known."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from simulated_study import published, simulate

from workflow_scripts.analysis.crossed import crossed_interval
from workflow_scripts.analysis.effects import EFFECTS, compare, losses
from workflow_scripts.analysis.families import holm
from workflow_scripts.analysis.recommendation import BEST, best_calibration


def effects(perplexity: pl.DataFrame, monolingual: list[str] | None = None) -> pl.DataFrame:
    """Own language against the other monolingual calibrations: those named as an evaluated language, if not said."""
    rows = losses(perplexity)
    names = set(rows["language"]) if monolingual is None else set(monolingual)
    return compare(rows, names, names)


def bits_of(perplexity: pl.DataFrame, calibration: str, language: str = "sw", method: str = "wanda") -> np.ndarray:
    """Bits per byte [documents, seeds] of one calibration, by another route than the code under test."""
    rows = perplexity.filter(method=method, calibration=calibration, language=language)
    rows = rows.with_columns(bits=pl.col("nats") / np.log(2) / pl.col("bytes"))
    return rows.pivot("seed", index="doc_id", values="bits").sort("doc_id").drop("doc_id").to_numpy()


@pytest.fixture(scope="module")
def found(study):
    return effects(study[0])


def test_every_pair_of_monolingual_calibrations(found):
    pairs = found.filter(method="wanda").select("own", "other").rows()
    assert pairs == [("de", "en"), ("de", "sw"), ("en", "de"), ("en", "sw"), ("sw", "de"), ("sw", "en")]
    assert found.schema == EFFECTS


def test_an_effect_is_the_crossed_interval_of_paired_differences(study, found):
    own, other = bits_of(study[0], "sw"), bits_of(study[0], "en")
    dense = study[0].filter(method="dense", language="sw").sort("doc_id")
    dense_bits = (dense["nats"] / np.log(2) / dense["bytes"]).to_numpy()
    expected = crossed_interval(own - other)
    row = found.filter(method="wanda", own="sw", other="en").row(0, named=True)
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((expected.mean, expected.low, expected.high))
    assert row["p_value"] == pytest.approx(expected.p_value)
    assert row["difference"] < row["high"] < 0, "the simulated study makes the own language better"
    assert row["own_loss"] == pytest.approx(np.mean(own - dense_bits[:, None]))
    assert row["relative"] == pytest.approx(expected.mean / row["own_loss"])
    assert (row["documents"], row["seeds"], row["documents_better"], row["reason"]) == (16, 3, 16, "")


def test_holm_is_taken_within_model_method_and_pattern(found):
    for _, family in found.group_by("model", "method", "pattern"):
        assert family["p_holm"].to_numpy() == pytest.approx(holm(family["p_value"].to_numpy()))


def test_two_seeds_give_a_difference_without_interval():
    found = effects(simulate(seeds=2)[0])
    assert found["difference"].null_count() == 0
    for column in ("low", "high", "p_value", "p_holm", "standard_error"):
        assert found[column].null_count() == found.height
    assert set(found["reason"]) == {"2 of the 3 seeds that an interval needs"}


def test_mixtures_and_languages_without_own_calibration_have_no_effect():
    perplexity, _ = simulate(languages=["de", "en", "sw"], calibrations=["de", "en"], mixtures=["de+en"])
    assert set(effects(perplexity).select("own", "other").rows()) == {("de", "en"), ("en", "de")}


def test_a_monolingual_calibration_that_is_not_evaluated_can_be_named():
    perplexity, _ = simulate(languages=["de"], calibrations=["de", "sw"])
    assert effects(perplexity).is_empty()
    assert set(effects(perplexity, ["de", "sw"]).select("own", "other").rows()) == {("de", "sw")}


def test_common_seeds_are_compared_and_none_is_refused(study):
    perplexity = study[0].filter(~((pl.col("calibration") == "en") & (pl.col("seed") == 0)))
    assert set(effects(perplexity).filter(other="en")["seeds"]) == {2}
    apart = perplexity.filter(~((pl.col("calibration") == "sw") & (pl.col("seed") > 0)))
    with pytest.raises(ValueError, match="share no seed"):
        effects(apart)


def test_no_pruning_loss_leaves_no_share(study):
    better = pl.when(pl.col("method") == "wanda").then(pl.col("nats") * 0.1).otherwise(pl.col("nats"))
    assert effects(study[0].with_columns(better)).filter(method="wanda")["relative"].null_count() == 6


def test_best_calibration_and_regret(study):
    best = best_calibration(losses(study[0]))
    assert best.schema == BEST
    rows = best.filter(method="wanda", language="sw")
    means = {c: bits_of(study[0], c).mean() for c in ("de", "en", "sw")}
    assert dict(rows.select("calibration", "loss").iter_rows()) == pytest.approx(means)
    assert set(rows["best"]) == {min(means, key=means.get)}
    apparent = [means[c] - min(means.values()) for c in ("de", "en", "sw")]
    assert rows["apparent_regret"].to_list() == pytest.approx(apparent)


def test_windows_of_unknown_size_take_nats_per_token(study):
    perplexity = published(study[0])
    nats = perplexity.with_columns(nats=pl.col("nats") / pl.col("tokens") * np.log(2), bytes=pl.lit(1))
    own, other = bits_of(nats, "sw"), bits_of(nats, "en")
    expected = crossed_interval(own - other)
    row = effects(perplexity).filter(method="wanda", own="sw", other="en").row(0, named=True)
    assert row["unit"] == "nats per token"
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((expected.mean, expected.low, expected.high))
    best = best_calibration(losses(perplexity)).filter(method="wanda", language="sw")
    assert set(best["unit"]) == {"nats per token"}
    means = dict(best.select("calibration", "loss").iter_rows())
    assert (means["sw"], means["en"]) == pytest.approx((own.mean(), other.mean()))
    assert set(effects(study[0])["unit"]) | set(best_calibration(losses(study[0]))["unit"]) == {"bits per byte"}


def test_one_calibration_alone_has_no_regret():
    best = best_calibration(losses(simulate(languages=["de"])[0]))
    assert set(best["regret"]) == set(best["apparent_regret"]) == {0}
    assert set(best["chosen"]) == {1} and best["among_best"].all()


def test_order_of_rows_does_not_matter(study, found):
    shuffled = study[0].sample(fraction=1, shuffle=True, seed=5)
    assert_frame_equal(effects(shuffled), found, check_exact=True)
    assert_frame_equal(best_calibration(losses(shuffled)), best_calibration(losses(study[0])), check_exact=True)
