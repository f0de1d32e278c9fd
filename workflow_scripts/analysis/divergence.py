"""How far variants stray from the dense model, as a loss that calibrations can be compared in."""

import polars as pl

from workflow_scripts.analysis.effects import PLACE
from workflow_scripts.analysis.matrix import with_dense

DIVERGENCE = "nats of divergence per token"


def divergence_losses(perplexity: pl.DataFrame) -> pl.DataFrame:
    """Calibrated variants as `effects.compare` takes them: the loss of a document is its divergence per token.

    The dense model's own is zero, so that what pruning costs is the divergence itself.

    Raises:
        ValueError: as `with_dense`.
    """
    return (
        with_dense(perplexity)
        .filter(pl.col("calibration") != "none")
        .with_columns(loss=pl.col("divergence") / pl.col("tokens"), dense_loss=pl.lit(0.0), unit=pl.lit(DIVERGENCE))
        .sort(*PLACE, "calibration", "seed", "doc_id")
    )
