"""What overlap goes with: planted relations are found with their sign, and labels are of no account."""

from itertools import combinations

import numpy as np
import polars as pl
import pytest
from test_clusters import SETTING, positions

from workflow_scripts.analysis.predictors import PREDICTORS
from workflow_scripts.analysis.relations import error_differences, overlap_relations

NAMES = list("abcdef")


def layers(errors: dict[str, list[float | None]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            SETTING | {"calibration": name, "block": 0, "module": f"m{place}", "local_error": error}
            for name, found in errors.items()
            for place, error in enumerate(found)
        ]
    )


def planted(rng: np.random.Generator, sign: int) -> pl.DataFrame:
    """Masks overlap the more (sign 1) or the less (sign -1), the less local errors differ."""
    size = dict(zip(NAMES, rng.uniform(0, 2, len(NAMES)), strict=True))
    errors = {name: (np.exp(value) * rng.uniform(0.99, 1.01, 8)).tolist() for name, value in size.items()}
    overlaps = {(a, b): 0.8 - sign * 0.05 * abs(size[a] - size[b]) for a, b in combinations(NAMES, 2)}
    return overlap_relations(pl.DataFrame(schema=PREDICTORS), positions(overlaps), layers(errors), NAMES)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_relation_is_found_with_its_sign(sign):
    [row] = planted(np.random.default_rng(1), sign).to_dicts()
    assert row["goes_with"] == "local_error" and row["corpus"] == "none" and row["languages"] == 6
    assert sign * row["rho"] > 0.95 and row["p_value"] < 0.05


def test_unrelated_errors_are_seldom_significant():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(30):
        overlaps = {pair: float(rng.uniform(0.7, 0.9)) for pair in combinations(NAMES, 2)}
        errors = {name: rng.uniform(1, 2, 8).tolist() for name in NAMES}
        made = overlap_relations(pl.DataFrame(schema=PREDICTORS), positions(overlaps), layers(errors), NAMES)
        found.append(made["p_value"][0])
    assert np.mean(np.array(found) < 0.05) <= 0.15


def test_differences_are_ratios_linear_by_linear():
    found = error_differences(layers({"a": [1.0, 2.0], "b": [2.0, 1.0], "c": [1.0, 2.0]}), list("abc"))
    np.testing.assert_allclose(found, np.log(2) * np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    assert error_differences(layers({"a": [1.0], "b": [None]}), ["a", "b"]) is None


def test_a_linear_that_one_calibration_lacks_counts_for_the_others():
    errors = {"a": [1.0, 2.0, None], "b": [2.0, 1.0, 5.0], "c": [1.0, 2.0, 40.0]}
    found = error_differences(layers(errors), list("abc"))
    np.testing.assert_allclose(found[0], [0, np.log(2), 0])
    np.testing.assert_allclose(found[1, 2], (2 * np.log(2) + np.log(8)) / 3)
    np.testing.assert_allclose(found, found.T)
    apart = {"a": [1.0, 2.0, None], "b": [2.0, None, 1.0], "c": [None, 1.0, 2.0]}
    assert (error_differences(layers(apart), list("abc")) >= 0).all()
    assert error_differences(layers({"a": [1.0, None], "b": [None, 1.0], "c": [1.0, 1.0]}), list("abc")) is None


def test_the_relation_with_loss_is_the_predictors():
    row = SETTING | {"corpus": "c-8x512", "predictor": "mask_overlap", "languages": 6, "rho": 0.5, "low": 0.1}
    row |= {"high": 0.9, "p_value": 0.01, "reason": ""}
    predicted = pl.DataFrame([row, row | {"predictor": "input_norms", "rho": 0.9}], schema=PREDICTORS)
    made = overlap_relations(predicted, positions({}), layers({"a": [1.0]}), NAMES)
    assert made["goes_with"].to_list() == ["loss"] and made["rho"].to_list() == [0.5]
