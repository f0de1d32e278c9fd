"""The overview at a glance, and the words for those who cannot see a figure: both follow the tables."""

import polars as pl
import pytest

from workflow_scripts.reporting.kit import heat, maps
from workflow_scripts.reporting.overview import overview, verdict
from workflow_scripts.reporting.sections import error_by_block, overlap_by_block

ROW = {
    "own": "sw", "other": "en", "documents": 16, "seeds": 3, "unit": "bits per byte", "difference": -0.2, "low": -0.3,
    "high": -0.1, "p_value": 0.002, "p_holm": 0.01, "reason": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, "better"),
        ({"difference": 0.2, "low": 0.1, "high": 0.3}, "worse"),
        ({"p_holm": 0.05}, "open"),
        ({"low": None, "high": None, "p_value": None, "p_holm": None, "reason": "1 of the 3 seeds"}, "untested"),
    ],
)
def test_a_difference_counts_only_where_holm_leaves_it(change, kind):
    found = verdict(ROW | change)
    assert found.kind == kind
    assert "Swahili (sw) against English (en)" in found.words


def test_every_comparison_with_the_reference_has_its_cell(tables_of):
    found = overview(tables_of("large")["effects"])
    assert found.reference == "English"
    assert len(found.columns) == 2 * 2 * 2 and "Wanda, large, 2:4" in found.columns
    assert [name for name, _ in found.rows][:2] == ["Arabic (ar)", "German (de)"]
    assert all(cell for _, cells in found.rows for cell in cells)
    assert overview(tables_of("one language")["effects"]) is None
    assert not found.margins


def test_words_for_the_matrix_name_best_and_worst(tables_of):
    cells = next(cells for keys, cells in heat.panels(tables_of("small")["mean_matrix"]) if keys["method"] == "wanda")
    german = cells.filter(pl.col("language") == "de")
    low, high = german["ratio_to_dense"].min(), german["ratio_to_dense"].max()
    assert f"German: least with German, {low:.2f}, most with magnitude (no text), {high:.2f}." in maps.of_matrix(cells)


def test_words_for_errors_name_the_worst_block(tables_of):
    errors = tables_of("small")["error_by_block"].filter(method="wanda")
    swahili = errors.filter(calibration="sw")
    worst = swahili.row(swahili["path_error"].arg_max(), named=True)
    words = error_by_block.of_error_by_block(errors)
    assert "Path error with Swahili" in words
    assert f"at most {worst['path_error']:.3g} in block {worst['block']}." in words


def test_many_pairs_are_told_in_one(tables_of):
    rows = tables_of("large")["overlap_by_block"].filter(model="small", pattern="0.5", method="wanda")
    pairs = rows.filter(relation="between").select("calibration_a", "calibration_b").n_unique()
    assert f"{pairs} pairs of calibrations 0." in overlap_by_block.of_overlap_by_block(rows)
