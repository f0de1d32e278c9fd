"""What a variant answers to open questions: exact match and F1, and how likely it finds the gold answers."""

import polars as pl

from workflow_scripts.analysis.effects import PLACE
from workflow_scripts.analysis.matrix import CELL

NATS_PER_ANSWER = "nats per gold answer"
QUESTIONS_MATRIX = pl.Schema(
    {c: pl.String for c in CELL}
    | {"items": pl.Int64, "seeds": pl.Int64}
    | {c: pl.Float64 for c in ("exact_match", "f1", "f1_min", "f1_max", "loglikelihood", "loglikelihood_per_token")}
    | {c: pl.Float64 for c in ("dense_exact_match", "dense_f1", "dense_loglikelihood")}
)


def questions_matrix(answers: pl.DataFrame) -> pl.DataFrame:
    """One row per variant without its seed, and language; the dense model and magnitude included; sorted.

    Columns: the setting, calibration, corpus, language; items, seeds; exact_match, f1 (means over seeds), f1_min, f1_max;
    loglikelihood (of the likeliest gold answer: nats, mean over items and seeds), loglikelihood_per_token (all nats over
    all tokens, mean over seeds); dense_exact_match, dense_f1, dense_loglikelihood.

    Args:
        answers: long table, one row per variant, language and question.
    """
    per_seed = (
        answers.sort(*CELL, "seed", "item_id")
        .group_by(*CELL, "seed", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("items"),
            pl.col("exact_match", "f1", "loglikelihood").mean(),
            (pl.col("loglikelihood").sum() / pl.col("tokens").sum()).alias("loglikelihood_per_token"),
        )
    )
    means = per_seed.group_by(CELL, maintain_order=True).agg(
        pl.col("items").first(),
        pl.col("seed").n_unique().cast(pl.Int64).alias("seeds"),
        pl.col("exact_match", "f1").mean(),
        pl.col("f1").min().alias("f1_min"),
        pl.col("f1").max().alias("f1_max"),
        pl.col("loglikelihood", "loglikelihood_per_token").mean(),
    )
    place, measures = ["model", "corpus", "language"], ["exact_match", "f1", "loglikelihood"]
    dense = means.filter(pl.col("method") == "dense").select(*place, pl.col(measures).name.prefix("dense_"))
    return means.join(dense, on=place, how="left").sort(CELL).select(QUESTIONS_MATRIX.names())


def questions_losses(answers: pl.DataFrame) -> pl.DataFrame:
    """Calibrated variants as `effects.compare` takes them: the loss of a question is the nats of its likeliest gold answer.

    Questions without an answer have no such nats, and are left out.
    """
    scored = answers.filter(pl.col("loglikelihood").is_not_null())
    dense = scored.filter(pl.col("method") == "dense").select(
        "model", "corpus", "language", "item_id", dense_loss=-pl.col("loglikelihood")
    )
    return (
        scored.filter(pl.col("calibration") != "none")
        .join(dense, on=["model", "corpus", "language", "item_id"])
        .with_columns(doc_id=pl.col("item_id"), loss=-pl.col("loglikelihood"), unit=pl.lit(NATS_PER_ANSWER))
        .sort(*PLACE, "calibration", "seed", "doc_id")
    )
