"""Whether what a variant writes keeps to the prompt's language and script, and how much it repeats itself."""

from collections.abc import Collection

import polars as pl

from workflow_scripts.analysis.effects import EFFECTS, PLACE, compare
from workflow_scripts.analysis.matrix import CELL, PANEL

OTHER_LANGUAGES, REPEATED = "probability of other languages", "share of repeated 4-grams"
SPANNED = ["in_language", "repetition"]
FIDELITY_MATRIX = pl.Schema(
    {c: pl.String for c in CELL}
    | {"prompts": pl.Int64, "seeds": pl.Int64}
    | {f"{measure}{suffix}": pl.Float64 for measure in SPANNED for suffix in ("", "_min", "_max")}
    | {c: pl.Float64 for c in ("script_share", "distinct", "empty", "ended", "tokens")}
    | {"instead": pl.String}
    | {f"dense_{measure}": pl.Float64 for measure in SPANNED}
)
EXAMPLES = pl.Schema(
    {c: pl.String for c in PLACE}
    | {"seed": pl.Int32}
    | {c: pl.String for c in ("doc_id", "prompt", "dense", "own", "other_calibration", "other")}
)


def fidelity_matrix(continuations: pl.DataFrame) -> pl.DataFrame:
    """One row per variant without its seed, and language; the dense model and magnitude included; sorted.

    Columns: the setting, calibration, corpus, language; prompts, seeds; in_language (share of texts whose likeliest language
    is the prompt's; null where that cannot be told), repetition, each with _min and _max over seeds; script_share, distinct,
    empty and ended (shares of texts), tokens (mean); instead (the language that texts fall into most, null where none
    does); dense_in_language, dense_repetition.

    Args:
        continuations: long table, one row per variant, language and prompt.
    """
    measures = ["in_language", "repetition", "script_share", "distinct", "empty", "ended", "tokens"]
    rows = continuations.sort(*CELL, "seed", "doc_id").with_columns(pl.col(measures).cast(pl.Float64))
    per_seed = rows.group_by(*CELL, "seed", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("prompts"), pl.col(measures).mean()
    )
    means = per_seed.group_by(CELL, maintain_order=True).agg(
        pl.col("prompts").first(),
        pl.col("seed").n_unique().cast(pl.Int64).alias("seeds"),
        pl.col(measures).mean(),
        pl.col(SPANNED).min().name.suffix("_min"),
        pl.col(SPANNED).max().name.suffix("_max"),
    )
    place = ["model", "corpus", "language"]
    dense = means.filter(pl.col("method") == "dense").select(*place, pl.col(SPANNED).name.prefix("dense_"))
    joined = means.join(_instead(rows), on=CELL, how="left").join(dense, on=place, how="left")
    return joined.sort(CELL).select(FIDELITY_MATRIX.names())


def _instead(rows: pl.DataFrame) -> pl.DataFrame:
    """The wrong language that most texts are in; of several the first by its code."""
    wrong = rows.filter(pl.col("in_language") == 0, pl.col("identified").is_not_null())
    counts = wrong.group_by(*CELL, "identified").len().sort(-pl.col("len").cast(pl.Int64), "identified")
    return counts.group_by(CELL, maintain_order=True).agg(pl.col("identified").first().alias("instead"))


def fidelity_losses(continuations: pl.DataFrame) -> pl.DataFrame:
    """Calibrated variants as `effects.compare` takes them, in two units, of which less is better.

    They are the probability that a text is in another language than its prompt (where that can be told), and the share of
    4-grams that have been there before.
    """
    measures = {OTHER_LANGUAGES: 1 - pl.col("probability"), REPEATED: pl.col("repetition")}
    return pl.concat(_losses(continuations, unit, loss) for unit, loss in measures.items())


def _losses(continuations: pl.DataFrame, unit: str, loss: pl.Expr) -> pl.DataFrame:
    rows = continuations.with_columns(loss=loss, unit=pl.lit(unit)).filter(pl.col("loss").is_not_null())
    place = ["model", "corpus", "language", "doc_id"]
    dense = rows.filter(pl.col("method") == "dense").select(*place, dense_loss="loss")
    calibrated = rows.filter(pl.col("calibration") != "none").join(dense, on=place)
    return calibrated.sort(*PLACE, "calibration", "seed", "doc_id")


def fidelity_effects(lost: pl.DataFrame, own: Collection[str], others: Collection[str]) -> pl.DataFrame:
    """Own-language calibration minus each other one, as `effects.compare` has it; Holm's correction covers one unit.

    Args:
        lost: see `fidelity_losses`.
        own: languages that are calibrated in.
        others: calibrations to compare with.
    """
    made = [compare(rows, own, others, "fidelity_effects") for rows in lost.partition_by("unit")]
    return pl.concat([pl.DataFrame(schema=EFFECTS), *made]).sort(*PANEL, "unit", "own", "other")


def examples(continuations: pl.DataFrame, languages: Collection[str]) -> pl.DataFrame:
    """What follows the first prompt of each language under the dense model, its own calibration and another language's.

    The other one is English, else the first language of all. Of the first seed; nothing is chosen for what it looks like.
    Languages without a calibration of their own, or without another one, are left out.
    """
    first = continuations.filter(
        pl.col("doc_id") == pl.col("doc_id").min().over("model", "corpus", "language"),
        pl.col("seed") == pl.col("seed").min().over(*PLACE, "calibration"),
    )
    dense = first.filter(pl.col("method") == "dense").select("model", "corpus", "language", dense="text")
    own = first.filter(pl.col("calibration") == pl.col("language"), pl.col("calibration").is_in(list(languages)))
    references = {language: _reference(language, languages) for language in languages}
    named = pl.col("language").replace_strict(references, return_dtype=pl.String)
    others = first.select(*PLACE, pl.col("calibration").alias("other_calibration"), other="text")
    return (
        own.with_columns(other_calibration=named)
        .rename({"text": "own"})
        .join(others, on=[*PLACE, "other_calibration"])
        .join(dense, on=["model", "corpus", "language"])
        .sort(PLACE)
        .select(EXAMPLES.names())
        .cast(dict(EXAMPLES))
    )


def _reference(own: str, languages: Collection[str]) -> str | None:
    others = sorted(set(languages) - {own}, key=lambda name: (name != "en", name))
    return next(iter(others), None)
