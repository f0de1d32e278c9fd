"""What overlap of masks goes with: the loss of a foreign calibration, and the difference in local error."""

from collections.abc import Collection

import numpy as np
import polars as pl

from workflow_scripts.analysis.matrix import PANEL, SETTING
from workflow_scripts.analysis.overlap import pair_matrix, paired
from workflow_scripts.analysis.predictors import relate

LOSS, LOCAL_ERROR = "loss", "local_error"
FEWEST_RELATED = 3
RELATIONS = pl.Schema(
    {c: pl.String for c in [*PANEL, "goes_with"]}
    | {"languages": pl.Int64}
    | {c: pl.Float64 for c in ("rho", "low", "high", "p_value")}
    | {"reason": pl.String}
)


def overlap_relations(
    predicted: pl.DataFrame, positions: pl.DataFrame, layers: pl.DataFrame, calibrations: Collection[str]
) -> pl.DataFrame:
    """Rank correlations of overlap with loss and with difference in local error, each with a Mantel test; sorted.

    Args:
        predicted: `predictors.predictors`, which has the one with loss.
        positions: overlap of masks by pair, of `overlap.positions`.
        layers: errors of every linear, of `errors.layer_errors`.
        calibrations: those that are a language.

    Returns:
        model, method, pattern, sample, propagation; corpus (the evaluation texts of losses, `none` for local errors); goes_with
        (`loss`; `local_error`: mean over linears that both have errors of, of the absolute logarithm of the ratio of two
        calibrations' errors, each on its own tokens); languages, rho (positive where masks that share more differ less), low,
        high, p_value, reason as in `predictors`.
    """
    losses = predicted.filter(pl.col("predictor") == "mask_overlap").with_columns(goes_with=pl.lit(LOSS))
    records = []
    for place, group in sorted(positions.partition_by(SETTING, as_dict=True).items()):
        setting = dict(zip(SETTING, place, strict=True))
        names = paired(group, calibrations)
        overlap = pair_matrix(names, group, "iou")
        own = layers.filter(*(pl.col(key) == value for key, value in setting.items()))
        differing = error_differences(own, names)
        if len(names) >= FEWEST_RELATED and overlap is not None and differing is not None:
            records.append(setting | {"corpus": "none", "goes_with": LOCAL_ERROR} | relate(overlap, differing))
    found = pl.DataFrame(records, schema=RELATIONS)
    return pl.concat([losses.select(RELATIONS.names()), found]).sort(*SETTING, "goes_with", "corpus")


def error_differences(layers: pl.DataFrame, names: list[str]) -> np.ndarray | None:
    """Mean over linears of |log(error of a / error of b)|: float [calibrations, calibrations], None where two share none.

    Each pair by the linears that both have an error of: one that no token of a third reached (an expert) counts for it.

    Args:
        layers: rows of `errors.layer_errors` of one setting.
        names: the calibrations, in order.
    """
    wide = layers.filter(pl.col("local_error") > 0).pivot(
        on="calibration", index=["block", "module"], values="local_error", aggregate_function="first"
    )
    if not set(names) <= set(wide.columns):
        return None
    logarithms = np.log(wide.select(names).cast(pl.Float64).fill_null(np.nan).to_numpy())
    measured = (~np.isnan(logarithms)).astype(np.float64)
    shared = measured.T @ measured
    if not shared.all():
        return None
    # One row of the result at a time: with experts there are thousands of linears.
    sums = [np.nansum(np.abs(logarithms - logarithms[:, [place]]), axis=0) for place in range(len(names))]
    return np.array(sums) / shared
