"""Ways to choose a calibration, against plain sums over the regrets."""

import polars as pl
import pytest

from tests.analysis.simulated_study import described, simulate, simulate_layers
from workflow_scripts.analysis.choices import CHOICES
from workflow_scripts.analysis.tables import analyse

LANGUAGES = ["de", "en", "sw", "zh"]
CALIBRATIONS = [*LANGUAGES, "noise"]


@pytest.fixture(scope="module")
def tables():
    """A study of four languages, a mixture and random tokens."""
    study = {"languages": LANGUAGES, "calibrations": CALIBRATIONS, "mixtures": ["all"], "blocks": 2}
    perplexity, overlap = simulate(**study)
    kinds = {name: made["kind"] for name, made in described([*CALIBRATIONS, "all"]).items()}
    return analyse(perplexity, overlap, simulate_layers(**study), kinds)


@pytest.fixture(scope="module")
def regret(tables):
    """(language, calibration) -> regret under Wanda."""
    rows = tables["best_calibration"].filter(method="wanda")
    return {(row["language"], row["calibration"]): row["regret"] for row in rows.iter_rows(named=True)}


def of(tables, way):
    return tables["choices"].filter(method="wanda", way=way).row(0, named=True)


def test_each_way_is_there_once(tables):
    found = tables["choices"].filter(method="wanda")
    assert found.schema == CHOICES
    predictors = {"mask_overlap", "input_norms", "local_error"}
    assert sorted(found["way"]) == sorted({*CALIBRATIONS, "all", "own", "hindsight", "chance", *predictors})
    kinds = dict(found.select("way", "kind").iter_rows())
    assert (kinds["noise"], kinds["all"], kinds["de"]) == ("control", "mixture", "language")


def test_one_for_all_does_not_serve_itself_and_own_does_alone(tables, regret):
    served = [regret[language, "de"] for language in LANGUAGES if language != "de"]
    row = of(tables, "de")
    assert (row["languages"], row["worst_regret"]) == (3, max(served))
    assert row["mean_regret"] == pytest.approx(sum(served) / 3)
    assert of(tables, "noise")["languages"] == of(tables, "own")["languages"] == 4
    assert of(tables, "own")["mean_regret"] == pytest.approx(sum(regret[name, name] for name in LANGUAGES) / 4)


def test_hindsight_and_chance_bound_what_a_predictor_can_do(tables, regret):
    others = {target: [regret[target, name] for name in LANGUAGES if name != target] for target in LANGUAGES}
    assert of(tables, "hindsight")["mean_regret"] == pytest.approx(sum(map(min, others.values())) / 4)
    assert of(tables, "chance")["mean_regret"] == pytest.approx(sum(sum(costs) / 3 for costs in others.values()) / 4)
    picks = tables["predicted_picks"].filter(method="wanda", predictor="mask_overlap")
    row = of(tables, "mask_overlap")
    assert row["right"] == picks.filter(pl.col("pick") == pl.col("best_other")).height
    assert of(tables, "hindsight")["mean_regret"] <= row["mean_regret"] == pytest.approx(picks["regret"].mean())
    assert of(tables, "own")["right"] is None
