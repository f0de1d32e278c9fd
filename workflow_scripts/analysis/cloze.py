"""What a variant still knows: accuracy and margin of factual cloze items, where the dense model knows them at all."""

import polars as pl
from scipy import stats

from workflow_scripts.analysis.effects import PLACE
from workflow_scripts.analysis.families import SIGNIFICANT, holm
from workflow_scripts.analysis.matrix import SETTING

MARGIN = "nats of margin"
CLOZE_MATRIX = pl.Schema(
    {c: pl.String for c in [*SETTING, "calibration", "corpus", "language"]}
    | {c: pl.Int64 for c in ("items", "seeds", "candidates")}
    | {c: pl.Float64 for c in ("accuracy", "accuracy_min", "accuracy_max", "margin", "dense_accuracy", "dense_p_value")}
    | {"above_chance": pl.Boolean}
)


def cloze_matrix(cloze: pl.DataFrame) -> pl.DataFrame:
    """One row per variant without its seed, and language; the dense model and magnitude included; sorted.

    Columns: the setting, calibration, corpus, language; items, seeds; candidates (a chance of 1 in so many); accuracy
    (mean over seeds), accuracy_min, accuracy_max; margin (nats, mean over items and seeds); dense_accuracy;
    dense_p_value (exact binomial test of the dense model against chance, one-sided, Holm over the languages of a
    model); above_chance (that p-value is below 0.05): elsewhere a variant has nothing to lose.

    Args:
        cloze: long table, one row per variant, language and item.
    """
    keys = [*SETTING, "calibration", "corpus", "language"]
    per_seed = (
        cloze.sort(*keys, "seed", "item_id")
        .group_by(*keys, "seed", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("items"),
            pl.col("loglikelihoods").list.len().first().cast(pl.Int64).alias("candidates"),
            pl.col("correct").mean().alias("accuracy"),
            pl.col("margin").mean(),
        )
    )
    means = per_seed.group_by(keys, maintain_order=True).agg(
        pl.col("items").first(),
        pl.col("seed").n_unique().cast(pl.Int64).alias("seeds"),
        pl.col("candidates").first(),
        pl.col("accuracy").mean(),
        pl.col("accuracy").min().alias("accuracy_min"),
        pl.col("accuracy").max().alias("accuracy_max"),
        pl.col("margin").mean(),
    )
    joined = means.join(_dense_against_chance(means), on=["model", "corpus", "language"], how="left").sort(keys)
    return joined.select(CLOZE_MATRIX.names()).cast(dict(CLOZE_MATRIX))


def cloze_losses(cloze: pl.DataFrame) -> pl.DataFrame:
    """Calibrated variants as `effects.compare` takes them: the loss of an item is its margin, negated.

    Only languages in which the dense model beats chance.
    """
    known = cloze_matrix(cloze).filter(pl.col("above_chance"), pl.col("method") == "dense")
    dense = cloze.filter(pl.col("method") == "dense").select(
        "model", "corpus", "language", "item_id", dense_loss=-pl.col("margin")
    )
    return (
        cloze.filter(pl.col("calibration") != "none")
        .join(known.select("model", "corpus", "language"), on=["model", "corpus", "language"])
        .join(dense, on=["model", "corpus", "language", "item_id"])
        .with_columns(doc_id=pl.col("item_id"), loss=-pl.col("margin"), unit=pl.lit(MARGIN))
        .sort(*PLACE, "calibration", "seed", "doc_id")
    )


def _dense_against_chance(means: pl.DataFrame) -> pl.DataFrame:
    rows = []
    for (model,), part in means.filter(pl.col("method") == "dense").partition_by("model", as_dict=True).items():
        p_values = [
            stats.binomtest(
                round(row["accuracy"] * row["items"]), row["items"], 1 / row["candidates"], "greater"
            ).pvalue
            for row in part.iter_rows(named=True)
        ]
        rows += [
            {
                "model": model,
                "corpus": row["corpus"],
                "language": row["language"],
                "dense_accuracy": row["accuracy"],
                "dense_p_value": float(p_value),
                "above_chance": bool(p_value < SIGNIFICANT),
            }
            for row, p_value in zip(part.iter_rows(named=True), holm(p_values), strict=True)
        ]
    return pl.DataFrame(rows)
