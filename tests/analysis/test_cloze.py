"""Cloze tables: chance is tested exactly, and variants count only where the dense model knows something."""

import polars as pl
import pytest
from scipy import stats

from workflow_scripts.analysis.cloze import cloze_losses, cloze_matrix
from workflow_scripts.analysis.effects import compare

ITEMS = 40


def rows(method, calibration, seed, language, correct, margin):
    common = {
        "model": "m", "variant": f"{method}/{calibration}/{seed}", "method": method, "pattern": "0.5", "sample": "s",
        "propagation": "sequential", "calibration": calibration, "seed": seed, "corpus": "cloze-40", "language": language,
    }  # fmt: skip
    return [
        common
        | {"item_id": f"{i:02d}", "loglikelihoods": [0.0] * 8, "margin": margin + (i % 5) / 10, "correct": i < correct}
        for i in range(ITEMS)
    ]


@pytest.fixture
def table():
    made = rows("dense", "none", 0, "en", 20, 1.0) + rows("dense", "none", 0, "sw", 6, -1.0)
    for seed in range(3):
        made += rows("wanda", "en", seed, "en", 18, 0.8) + rows("wanda", "sw", seed, "en", 10 + seed, 0.3)
        made += rows("wanda", "en", seed, "sw", 5, -1.0) + rows("wanda", "sw", seed, "sw", 9, -0.5)
    return pl.DataFrame(made)


def test_accuracy_margin_and_chance(table):
    matrix = cloze_matrix(table)
    assert matrix.height == 6
    [sw_on_en] = matrix.filter(calibration="sw", language="en").to_dicts()
    assert sw_on_en["accuracy"] == pytest.approx(11 / 40)
    assert (sw_on_en["accuracy_min"], sw_on_en["accuracy_max"]) == (10 / 40, 12 / 40)
    assert sw_on_en["margin"] == pytest.approx(0.3 + 0.2)
    assert (sw_on_en["seeds"], sw_on_en["items"], sw_on_en["candidates"]) == (3, 40, 8)
    known = {row["language"]: row for row in matrix.to_dicts()}
    assert known["en"]["above_chance"] and not known["sw"]["above_chance"]
    # The smaller of two p-values doubles by Holm's step-down.
    assert known["en"]["dense_p_value"] == pytest.approx(2 * stats.binom.sf(19, 40, 1 / 8))
    assert known["sw"]["dense_p_value"] == pytest.approx(stats.binom.sf(5, 40, 1 / 8))


def test_variants_are_compared_only_where_the_dense_model_beats_chance(table):
    found = compare(cloze_losses(table), {"en", "sw"}, {"en", "sw"}).to_dicts()
    assert [(row["own"], row["other"]) for row in found] == [("en", "sw")]
    assert found[0]["difference"] == pytest.approx(-0.5)
    assert found[0]["own_loss"] == pytest.approx(0.2)
    assert found[0]["unit"] == "nats of margin"
