"""How alike two calibrations feed a model: the correlation of input norms, known before anything is evaluated."""

import polars as pl

from workflow_scripts.analysis.matrix import SETTING
from workflow_scripts.analysis.overlap import PAIR, ordered

INPUT_SIMILARITY = pl.Schema(
    {c: pl.String for c in [*SETTING, "relation", *PAIR]}
    | {"linears": pl.Int64}
    | {c: pl.Float64 for c in ("similarity", "lowest")}
)


def input_similarity(overlap: pl.DataFrame) -> pl.DataFrame:
    """Similarity of inputs per setting, relation and unordered pair of calibrations; sorted.

    Args:
        overlap: the long table of a study, one row per pair of masks and linear.

    Returns:
        model, method, pattern, sample, propagation, relation (`same` calibration with other texts, or `between` two),
        calibration_a, calibration_b (in alphabetical order); linears (pairs of masks and linears behind the row);
        similarity (their mean: every linear counts alike), lowest.
    """
    measured = ordered(overlap).filter(pl.col("input_similarity").is_not_null())
    keys = [*SETTING, "relation", *PAIR]
    return (
        measured.group_by(keys)
        .agg(
            pl.len().cast(pl.Int64).alias("linears"),
            pl.col("input_similarity").mean().alias("similarity"),
            pl.col("input_similarity").min().alias("lowest"),
        )
        .select(INPUT_SIMILARITY.names())
        .cast(dict(INPUT_SIMILARITY))
        .sort(keys)
    )
