"""Pooling of overlaps and their place between floor and ceiling, by hand on a small table."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from workflow_scripts.analysis.overlap import experts_together, pooled, positions

SETTING = {"model": "m", "method": "wanda", "pattern": "0.5", "sample": "s", "propagation": "sequential"}


def table(*rows) -> pl.DataFrame:
    """Rows (relation, a, seed_a, b, seed_b, block, module, intersection, union) as an overlap table."""
    names = ["relation", "calibration_a", "seed_a", "calibration_b", "seed_b", "block", "module"]
    frame = pl.DataFrame(rows, schema=[*names, "intersection", "union"], orient="row")
    return frame.with_columns(**{k: pl.lit(v) for k, v in SETTING.items()})


SMALL = table(
    ("between", "de", 0, "en", 0, 0, "q", 80, 100),
    ("between", "en", 1, "de", 1, 0, "q", 90, 100),
    ("between", "de", 0, "en", 0, 1, "q", 300, 1000),
    ("magnitude", "de", 0, "none", 0, 0, "q", 70, 100),
    ("magnitude", "en", 0, "none", 0, 0, "q", 50, 100),
    ("magnitude", "sw", 0, "none", 0, 0, "q", 1, 100),
    ("same", "de", 0, "de", 1, 0, "q", 95, 100),
)


def test_pooling_adds_before_dividing():
    row = pooled(SMALL).filter(relation="between").row(0, named=True)
    assert (row["calibration_a"], row["calibration_b"]) == ("de", "en")
    assert (row["intersection"], row["union"], row["mask_pairs"]) == (470, 1200, 2)
    assert row["iou"] == pytest.approx(470 / 1200)


def test_experts_of_a_block_are_one_kind_of_linear():
    rows = table(
        ("between", "de", 0, "en", 0, 0, "mlp.experts.0.up_proj", 80, 100),
        ("between", "de", 0, "en", 0, 0, "mlp.experts.11.up_proj", 40, 100),
        ("between", "de", 0, "en", 0, 0, "mlp.shared_expert.up_proj", 10, 100),
    )
    found = pooled(experts_together(rows), ["module"])
    assert found.select("module", "iou", "mask_pairs").rows() == [
        ("mlp.experts.up_proj", pytest.approx(0.6), 1),
        ("mlp.shared_expert.up_proj", pytest.approx(0.1), 1),
    ]


def test_pooling_by_block_keeps_unordered_pairs_together():
    rows = pooled(SMALL, ["block"]).filter(relation="between")
    assert rows.select("calibration_a", "calibration_b", "block", "iou").rows() == [
        ("de", "en", 0, pytest.approx(0.85)),
        ("de", "en", 1, pytest.approx(0.3)),
    ]


def test_position_between_the_floor_and_ceiling_of_its_own_two_languages():
    row = positions(SMALL, ["block"]).filter(block=0).row(0, named=True)
    assert (row["floor"], row["ceiling"]) == pytest.approx((0.6, 0.95))
    assert row["position"] == pytest.approx((0.85 - 0.6) / (0.95 - 0.6))


def test_without_ceiling_or_floor_there_is_no_position():
    row = positions(SMALL, ["block"]).filter(block=1).row(0, named=True)
    assert (row["floor"], row["ceiling"], row["position"]) == (None, None, None)
    no_ceiling = positions(SMALL.filter(pl.col("relation") != "same"))
    assert no_ceiling["ceiling"].null_count() == no_ceiling["position"].null_count() == 1
    assert no_ceiling["floor"].null_count() == 0


def test_a_ceiling_not_above_the_floor_gives_no_position():
    level = table(
        ("between", "de", 0, "en", 0, 0, "q", 8, 10),
        ("magnitude", "de", 0, "none", 0, 0, "q", 9, 10),
        ("same", "de", 0, "de", 1, 0, "q", 9, 10),
    )
    assert positions(level)["position"].to_list() == [None]


def test_no_rows_give_no_rows():
    assert pooled(SMALL.clear(), ["module"]).is_empty()
    assert positions(SMALL.clear(), ["module"]).is_empty()


def test_the_whole_study_lies_between_floor_and_ceiling(study):
    rows = positions(study[1], ["module"])
    assert rows.height == 2 * 3 * 7
    assert rows["position"].is_between(0, 1).all()
    near, far = (positions(study[1]).filter(method="wanda", calibration_b=b)["position"].max() for b in ("en", "sw"))
    assert near > far, "German is simulated nearer to English than to Swahili"


def test_order_of_rows_does_not_matter(study):
    shuffled = study[1].sample(fraction=1, shuffle=True, seed=5)
    for by in ([], ["block"], ["module"]):
        assert_frame_equal(pooled(shuffled, by), pooled(study[1], by), check_exact=True)
        assert_frame_equal(positions(shuffled, by), positions(study[1], by), check_exact=True)
