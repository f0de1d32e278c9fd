"""Holm's correction against its definition, within declared families."""

import numpy as np
import polars as pl
import pytest

from workflow_scripts.analysis.families import FAMILIES, holm, in_words, with_holm


def by_definition(p_values):
    """Holm (1979): in ascending order, each times the number of those not yet passed, and never below the one before."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, before = [0.0] * len(p_values), 0.0
    for step, i in enumerate(order):
        before = max(before, min(1.0, p_values[i] * (len(p_values) - step)))
        adjusted[i] = before
    return adjusted


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03, np.nan])) == pytest.approx([0.03, 0.06, 0.06, np.nan], nan_ok=True)
    assert holm(np.array([0.5, 0.9])) == pytest.approx([1, 1])
    assert np.isnan(holm(np.array([np.nan]))).all()
    assert holm(np.array([])).shape == (0,)


def test_holm_is_its_definition():
    for p_values in np.random.default_rng(4).uniform(0, 0.3, (20, 7)):
        assert holm(p_values) == pytest.approx(by_definition(list(p_values)))


def test_a_family_is_corrected_by_itself_and_nulls_do_not_count():
    rows = pl.DataFrame(
        {
            "model": ["a", "b", "a", "a", "b"],
            "method": "wanda",
            "pattern": "0.5",
            "p_value": [0.01, 0.02, 0.04, None, 0.03],
        }
    )
    assert with_holm(rows, "effects")["p_holm"].to_list() == pytest.approx([0.02, 0.04, 0.04, None, 0.04], nan_ok=True)
    assert with_holm(rows.clear(), "effects")["p_holm"].to_list() == []
    with pytest.raises(KeyError):
        with_holm(rows, "undeclared")


def test_families_are_named_in_words():
    assert in_words("effects") == "one model, method and pattern"
    assert all(in_words(family).startswith("one model") for family in FAMILIES)
