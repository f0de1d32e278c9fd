"""Error of pruned linears along the depth of the model, averaged over seeds.

Every calibration's errors were measured on its own calibration tokens: between calibrations they compare in shape along
the depth, not in level.
"""

from collections.abc import Sequence

import polars as pl

from workflow_scripts.analysis.matrix import SETTING

MEASURES = ["local_error", "path_error", "signal_to_noise"]
VARIANT = [*SETTING, "calibration", "seed"]


def errors_schema(by: Sequence[str]) -> pl.Schema:
    """The columns of `layer_errors` (by block and module) and `error_by_block` (by block)."""
    keys = [*SETTING, "calibration"]
    aggregates = [f"{name}{suffix}" for name in MEASURES for suffix in ("", "_min", "_max")]
    places = {"block": pl.Int64, "module": pl.String}
    return pl.Schema(
        dict.fromkeys(keys, pl.String)
        | {place: places[place] for place in by}
        | {"seeds": pl.Int64}
        | dict.fromkeys(aggregates, pl.Float64)
    )


def layer_errors(layers: pl.DataFrame) -> pl.DataFrame:
    """One row per setting, calibration, block and linear, averaged over seeds; sorted.

    Args:
        layers: the long table of a study, one row per variant, block and linear.

    Returns:
        model, method, pattern, sample, propagation, calibration, block, module, seeds (their number), and for
        local_error, path_error (shares of the output's power) and signal_to_noise (dB) the mean, `_min` and `_max` over
        seeds. A measure that some seed lacks (NaN: a linear whose output is all zero) is null.
    """
    return _over_seeds(layers, ["block", "module"])


def error_by_block(layers: pl.DataFrame) -> pl.DataFrame:
    """As `layer_errors`, per block: each seed's mean over the linears of the block, every linear counting once.

    Linears of experts count where they have the measure: they have no path error, and none at all without tokens.
    """
    keys = [*VARIANT, "block"]
    expert = pl.col("module").str.contains(r"\.experts\.\d+\.")
    measures = [pl.when(expert).then(pl.col(name).fill_nan(None)).otherwise(pl.col(name)) for name in MEASURES]
    rows = layers.sort(*keys, "module").with_columns(measures)
    means = rows.group_by(keys, maintain_order=True).agg(pl.col(MEASURES).mean())
    return _over_seeds(means, ["block"])


def _over_seeds(rows: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    keys = [*SETTING, "calibration", *by]
    # polars carries NaN through means but not through minima.
    whole = [pl.when(pl.col(name).is_nan().any()).then(None).otherwise(pl.col(name)) for name in MEASURES]
    aggregates = [
        aggregate
        for name, value in zip(MEASURES, whole, strict=True)
        for aggregate in (
            value.mean().alias(name),
            value.min().alias(f"{name}_min"),
            value.max().alias(f"{name}_max"),
        )
    ]
    return (
        rows.sort(*keys, "seed")
        .group_by(keys, maintain_order=True)
        .agg(pl.col("seed").n_unique().cast(pl.Int64).alias("seeds"), *aggregates)
    )
