"""All tables that figures and report are made of, from the three long tables of a study."""

from collections.abc import Collection

import polars as pl

from workflow_scripts.analysis.effects import best_calibration, effects
from workflow_scripts.analysis.errors import error_by_block, layer_errors
from workflow_scripts.analysis.matrix import matrix, mean_matrix
from workflow_scripts.analysis.overlap import pooled, positions


def analyse(
    perplexity: pl.DataFrame,
    overlap: pl.DataFrame,
    layers: pl.DataFrame,
    monolingual: Collection[str] | None = None,
) -> dict[str, pl.DataFrame]:
    """All tables by name.

    They are `matrix`, `mean_matrix`, `effects`, `best_calibration`; of the overlap of masks, `overlap_by_pair`,
    `overlap_by_block`, `overlap_by_module` (pooled), `positions` and `positions_by_module` (from floor to ceiling); and
    of the errors of linears, `layer_errors` and `error_by_block`.

    Args:
        perplexity: long table, one row per variant, corpus, language and document.
        overlap: long table, one row per pair of masks and linear; may have no rows.
        layers: long table, one row per calibrated variant and linear.
        monolingual: see `effects`.

    Raises:
        ValueError: see `with_dense` and `effects`.
    """
    rows = matrix(perplexity)
    return {
        "matrix": rows,
        "mean_matrix": mean_matrix(rows),
        "effects": effects(perplexity, monolingual),
        "best_calibration": best_calibration(perplexity),
        "overlap_by_pair": pooled(overlap),
        "overlap_by_block": pooled(overlap, ["block"]),
        "overlap_by_module": pooled(overlap, ["module"]),
        "positions": positions(overlap),
        "positions_by_module": positions(overlap, ["module"]),
        "layer_errors": layer_errors(layers),
        "error_by_block": error_by_block(layers),
    }
