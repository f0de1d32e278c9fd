"""Overlap of masks: intersection over union, pooled, and its place between a floor and a ceiling.

The floor is a calibrated mask against the magnitude mask (no text at all); the ceiling is the same calibration with
another seed (other texts of one language). An overlap means little by itself: independent masks at half density share a
third already, and masks of one method share most of what the weights decide alone.
"""

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

from workflow_scripts.analysis.matrix import SETTING

PAIR = ["calibration_a", "calibration_b"]
BY = {"block": pl.Int32, "module": pl.String}


def pooled_schema(by: Sequence[str] = ()) -> pl.Schema:
    """Columns of `pooled`."""
    return pl.Schema(
        {c: pl.String for c in [*SETTING, "relation", *PAIR]}
        | {key: BY[key] for key in by}
        | {"mask_pairs": pl.Int64, "intersection": pl.Int64, "union": pl.Int64, "iou": pl.Float64}
    )


def positions_schema(by: Sequence[str] = ()) -> pl.Schema:
    """Columns of `positions`."""
    return pl.Schema(
        {c: pl.String for c in [*SETTING, *PAIR]}
        | {key: BY[key] for key in by}
        | {c: pl.Float64 for c in ("floor", "iou", "ceiling", "position")}
    )


def pooled(overlap: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Pooled overlap per setting, relation and unordered pair of calibrations, and per `by`; sorted.

    Args:
        overlap: the long table of a study, one row per pair of masks and linear.
        by: further keys, "block" or "module" or both.

    Returns:
        model, method, pattern, sample, propagation, relation, calibration_a, calibration_b (in alphabetical order;
        "none" for magnitude), the keys of `by`, mask_pairs (pairs of masks behind the row), intersection, union, iou =
        sum of intersections / sum of unions, so that large linears weigh more.
    """
    keys = [*SETTING, "relation", *PAIR, *by]
    return _pool(ordered(overlap), keys).select(pooled_schema(by).names()).cast(dict(pooled_schema(by)))


def positions(overlap: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Where the overlap between two calibrations lies from floor to ceiling; one row per pair and `by`; sorted.

    Returns:
        model, method, pattern, sample, propagation, calibration_a, calibration_b, the keys of `by`; floor and ceiling
        (pooled over the two calibrations), iou, position = (iou - floor) / (ceiling - floor): 0 says that two languages
        agree no more than text and no text, 1 that another language is as good as another seed. floor and ceiling are
        null where they were not measured (no magnitude mask, one seed); position is null without both, or when the
        ceiling is not above the floor.
    """
    rows = ordered(overlap)
    keys = [*SETTING, *PAIR, *by]
    between = _pool(rows.filter(pl.col("relation") == "between"), keys).select(*keys, "iou")
    sides = between.select(keys)
    for relation, name in (("magnitude", "floor"), ("same", "ceiling")):
        reference = rows.filter(pl.col("relation") == relation).drop("calibration_b").rename({PAIR[0]: "calibration"})
        # Each pair takes the reference rows of its two calibrations.
        matched = sides.with_columns(calibration=pl.concat_list(PAIR)).explode("calibration")
        matched = matched.join(reference, on=[*SETTING, "calibration", *by], how="inner")
        between = between.join(
            _pool(matched, keys).select(*keys, pl.col("iou").alias(name)), on=keys, how="left", nulls_equal=True
        )
    room = pl.col("ceiling") - pl.col("floor")
    return (
        between.with_columns(position=pl.when(room > 0).then((pl.col("iou") - pl.col("floor")) / room))
        .select(positions_schema(by).names())
        .cast(dict(positions_schema(by)))
        .sort(keys)
    )


def experts_together(overlap: pl.DataFrame) -> pl.DataFrame:
    """The table with the linears of all experts of a block under one name, `mlp.experts.gate_proj`."""
    return overlap.with_columns(pl.col("module").str.replace(r"\.experts\.\d+\.", ".experts."))


def ordered(overlap: pl.DataFrame) -> pl.DataFrame:
    """The long table with the two sides of a pair between calibrations in alphabetical order."""
    swap = (pl.col("relation") == "between") & (pl.col("calibration_a") > pl.col("calibration_b"))
    sides = {
        f"{name}_{side}": pl.when(swap).then(pl.col(f"{name}_{opposite}")).otherwise(pl.col(f"{name}_{side}"))
        for name in ("calibration", "seed")
        for side, opposite in (("a", "b"), ("b", "a"))
    }
    return overlap.with_columns(**sides)


def paired(pairs: pl.DataFrame, calibrations: Collection[str]) -> list[str]:
    """Those of the calibrations that are in some pair, in alphabetical order."""
    return sorted({*pairs["calibration_a"], *pairs["calibration_b"]} & {*calibrations})


def pair_matrix(names: Sequence[str], pairs: pl.DataFrame, column: str) -> np.ndarray | None:
    """A likeness by unordered pair of calibrations as a symmetric matrix, 1 on its diagonal.

    Args:
        names: calibrations, in the order of rows and columns.
        pairs: one row per pair, of one setting; may have others than `names`.
        column: the likeness.

    Returns:
        float [calibrations, calibrations]; None where a pair is not there.
    """
    cells = {(name, name): 1.0 for name in names}
    for a, b, value in pairs.select(*PAIR, column).iter_rows():
        cells[a, b] = cells[b, a] = value
    wanted = [[cells.get((a, b)) for b in names] for a in names]
    return None if any(None in row for row in wanted) else np.array(wanted, dtype=np.float64)


def _pool(rows: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return (
        rows.group_by(keys)
        .agg(
            pl.struct(*PAIR, "seed_a", "seed_b").n_unique().cast(pl.Int64).alias("mask_pairs"),
            pl.col("intersection").sum(),
            pl.col("union").sum(),
        )
        .with_columns(iou=pl.col("intersection") / pl.col("union"))
        .sort(keys)
    )
