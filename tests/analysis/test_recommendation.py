"""The recommendation on studies with a planted best calibration, with none, and against a plain implementation."""

import numpy as np
import polars as pl
import pytest

from tests.analysis.simulated_study import simulate
from workflow_scripts.analysis.crossed import crossed_interval
from workflow_scripts.analysis.effects import losses
from workflow_scripts.analysis.recommendation import (
    BEST,
    FOLDS,
    ONE_FOR_ALL,
    best_calibration,
    chosen_losses,
    confidence_set,
    one_for_all,
    resampled_choices,
)


def cubes(number: int, costs: list[float], documents: int = 16, seeds: int = 3) -> np.ndarray:
    """Losses [studies, calibrations, documents, seeds]: what a calibration costs, and luck of documents, seeds and both."""
    rng = np.random.default_rng(7)
    shape = (number, len(costs), documents, seeds)
    document, seed = rng.normal(0, 0.02, shape[:3])[..., None], rng.normal(0, 0.01, (number, len(costs), 1, seeds))
    common = rng.normal(1, 0.2, (number, 1, documents, 1))
    return common + np.array(costs)[:, None, None] + document + seed + rng.normal(0, 0.02, shape)


def plain_choice(cube: np.ndarray, document: int, seed: int) -> int:
    """The calibration that all other folds and all other seeds choose, in loops."""
    calibrations, documents, seeds = cube.shape
    folds = min(FOLDS, documents)
    sums = []
    for calibration in range(calibrations):
        cells = [
            cube[calibration, d, s]
            for d in range(documents)
            for s in range(seeds)
            if d % folds != document % folds and (s != seed or seeds == 1)
        ]
        sums.append(sum(cells) / len(cells))
    return int(np.argmin(sums))


@pytest.mark.parametrize(("documents", "seeds"), [(16, 3), (5, 2), (11, 1)])
def test_every_cell_is_judged_by_what_other_documents_and_other_seeds_choose(documents, seeds):
    several = 0
    for cube in cubes(8, [0.0] * 4, documents, seeds):
        judged = chosen_losses(cube)
        chosen = {(d, s): plain_choice(cube, d, s) for d in range(documents) for s in range(seeds)}
        several += len(set(chosen.values())) > 1
        for (document, seed), calibration in chosen.items():
            assert judged[document, seed] == cube[calibration, document, seed]
    assert several


def test_the_winners_curse_is_in_the_apparent_regret_and_not_in_the_regret():
    studies = cubes(400, [0.0] * 5)
    apparent = np.array([cube.mean(axis=(1, 2)) - cube.mean(axis=(1, 2)).min() for cube in studies])
    regret = np.array([(cube - chosen_losses(cube)).mean(axis=(1, 2)) for cube in studies])
    error = regret.mean(axis=1).std() / np.sqrt(len(studies))
    assert apparent.mean() > 8 * error
    assert abs(regret.mean()) < 3 * error


def test_a_clear_best_is_chosen_in_all_resamples_and_stands_alone():
    cube = cubes(1, [0.1, 0.0, 0.2])[0]
    assert resampled_choices(cube).tolist() == [0, 1, 0]
    assert confidence_set(cube).tolist() == [False, True, False]


def test_among_equals_nothing_is_sure():
    share, inside = [], []
    for cube in cubes(60, [0.0] * 3):
        share.append(resampled_choices(cube, 200).max())
        inside.append(confidence_set(cube).sum())
    assert np.mean(share) < 0.9
    assert np.mean(inside) > 2.8


def test_the_truly_best_is_among_the_best_as_often_as_promised():
    kept = np.array([confidence_set(cube)[0] for cube in cubes(400, [0.0, 0.0, 0.005, 0.03])])
    # 95 % less three standard errors.
    assert kept.mean() > 0.95 - 3 * np.sqrt(0.95 * 0.05 / len(kept))


def test_one_or_two_seeds_give_no_set():
    assert confidence_set(cubes(1, [0.0, 0.1], seeds=2)[0]) is None


def test_the_planted_best_is_found_and_its_rivals_cost_what_was_planted():
    perplexity = simulate(seeds=3, documents=16)[0]
    best = best_calibration(losses(perplexity))
    assert best.schema == BEST
    own = best.filter(pl.col("calibration") == pl.col("language"))
    assert (own["best"] == own["language"]).all()
    assert own["chosen"].min() > 0.95
    rivals = best.filter(pl.col("calibration") != pl.col("language"))
    assert (rivals["low"] > 0).all()
    assert not rivals["among_best"].any()
    # German costs Swahili 0.35 + 0.05 of the loss of pruning, by construction.
    row = best.filter(method="wanda", language="sw", calibration="de").row(0, named=True)
    assert row["relative"] == pytest.approx(0.40, abs=0.05)


def test_regret_has_the_crossed_interval_of_its_cells():
    perplexity = simulate(seeds=3, documents=16, effect=0.02)[0]
    row = (
        best_calibration(losses(perplexity)).filter(method="wanda", language="sw", calibration="en").row(0, named=True)
    )
    rows = perplexity.with_columns(bits=pl.col("nats") / np.log(2) / pl.col("bytes"))
    tables = [
        rows.filter(method="wanda", language="sw", calibration=name).sort("seed", "doc_id")["bits"].to_numpy()
        for name in ("de", "en", "sw")
    ]
    cube = np.stack([table.reshape(3, 16).T for table in tables])
    judged = np.array([[cube[plain_choice(cube, d, s), d, s] for s in range(3)] for d in range(16)])
    expected = crossed_interval(cube[1] - judged)
    assert (row["regret"], row["low"], row["high"]) == pytest.approx((expected.mean, expected.low, expected.high))


def test_under_three_seeds_there_is_no_interval_and_the_table_says_why():
    best = best_calibration(losses(simulate(seeds=2)[0]))
    assert best["low"].null_count() == best["among_best"].null_count() == best.height
    assert set(best["reason"]) == {"2 of the 3 seeds that an interval needs"}
    drops = one_for_all(losses(simulate(seeds=2)[0]))
    assert drops["worst_drop_low"].null_count() == drops.height


def test_one_for_all_takes_the_worst_language_of_each_calibration():
    perplexity = simulate(languages=["de", "en", "sw"], mixtures=["de+en+sw"], seeds=3)[0]
    drops = one_for_all(losses(perplexity))
    assert drops.schema == ONE_FOR_ALL
    rows = perplexity.with_columns(bits=pl.col("nats") / np.log(2) / pl.col("bytes"))
    expected = {}
    for calibration in ("de", "en", "sw", "de+en+sw"):
        for language in ("de", "en", "sw"):
            own = rows.filter(method="wanda", language=language, calibration=calibration)["bits"].mean()
            dense = rows.filter(method="dense", language=language)["bits"].mean()
            expected.setdefault(calibration, {})[language] = own / dense - 1
    for row in drops.filter(method="wanda").iter_rows(named=True):
        drop = expected[row["calibration"]]
        assert row["worst_drop"] == pytest.approx(max(drop.values()))
        assert row["worst_language"] == max(drop, key=drop.get)
        assert row["mean_drop"] == pytest.approx(np.mean(list(drop.values())))
        assert row["worst_drop_low"] < row["worst_drop"] < row["worst_drop_high"]
    assert drops.filter(method="wanda")["chosen"].sum() == pytest.approx(1)


def test_different_seeds_are_refused():
    perplexity = simulate(seeds=3)[0].filter(~((pl.col("calibration") == "sw") & (pl.col("seed") == 2)))
    with pytest.raises(ValueError, match="different seeds: give all the same seeds"):
        best_calibration(losses(perplexity))
