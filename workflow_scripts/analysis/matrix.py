"""The matrix of calibration x evaluation: perplexity, bits per byte and divergence of every variant in every language."""

import math

import polars as pl

SETTING = ["model", "method", "pattern", "sample", "propagation"]
PANEL = [*SETTING, "corpus"]
"""What one matrix of calibrations and evaluation languages belongs to."""
CELL = [*SETTING, "calibration", "corpus", "language"]
NATS_PER_BIT = math.log(2)
BITS_PER_BYTE, NATS_PER_TOKEN = "bits per byte", "nats per token"
UNITS = ["perplexity", "bits_per_byte", "ratio_to_dense", "divergence", "agreement"]
MATRIX = pl.Schema(
    {c: pl.String for c in [*SETTING, "calibration"]}
    | {"seed": pl.Int32, "corpus": pl.String, "language": pl.String, "unit": pl.String, "documents": pl.Int64}
    | {"nats": pl.Float64, "tokens": pl.Int64, "bytes": pl.Int64, "characters": pl.Int64}
    | {c: pl.Float64 for c in ("perplexity", "bits_per_byte", "dense_nats", "ratio_to_dense")}
    | {c: pl.Float64 for c in ("divergence", "agreement")}
)
MEAN_MATRIX = pl.Schema(
    {c: pl.String for c in CELL}
    | {"seeds": pl.Int64, "unit": pl.String, "documents": pl.Int64, "tokens": pl.Int64, "bytes": pl.Int64}
    | {f"{unit}{suffix}": pl.Float64 for unit in UNITS for suffix in ("", "_min", "_max")}
)


def with_dense(perplexity: pl.DataFrame) -> pl.DataFrame:
    """The table of perplexities with the dense model's nats on the same document beside each row (`dense_nats`).

    `unit` is the unit of all effects on that corpus: bits per byte, or nats per token where the texts have no known
    size (bytes = 0: the windows of the published protocol).

    Raises:
        ValueError: a document measured twice, a model without dense rows, or a variant measured on other documents
            than the dense model.
    """
    place = ["model", "corpus", "language"]
    document = [*place, "doc_id"]
    row = ["model", "variant", "corpus", "language"]
    if perplexity.is_empty():
        raise ValueError("The table of perplexities is empty: measure at least one language.")
    twice = perplexity.filter(perplexity.select([*row, "doc_id"]).is_duplicated())
    if not twice.is_empty():
        raise ValueError(f"{_where(twice, row)}: document {twice['doc_id'].min()} is there twice.")
    dense = perplexity.filter(pl.col("variant") == "dense").select(
        *document, pl.col("nats").alias("dense_nats"), *(pl.col(c).alias(f"dense_{c}") for c in ("tokens", "bytes"))
    )
    joined = perplexity.join(dense, on=document, how="left")
    counts = dense.group_by(place).len("dense_documents")
    joined = joined.join(counts, on=place, how="left").with_columns(pl.len().over(row).alias("documents"))
    if (none := joined.filter(pl.col("dense_documents").is_null())).height:
        raise ValueError(f"{_where(none, row)}: the dense model was not measured there; measure it.")
    differing = joined.filter(
        (pl.col("documents") != pl.col("dense_documents"))
        | pl.col("dense_nats").is_null()
        | (pl.col("tokens") != pl.col("dense_tokens"))
        | (pl.col("bytes") != pl.col("dense_bytes"))
    )
    if differing.height:
        raise ValueError(f"{_where(differing, row)}: other documents than the dense model's; measure both again.")
    unsized = pl.col("bytes").min().over("corpus") == 0
    unit = pl.when(unsized).then(pl.lit(NATS_PER_TOKEN)).otherwise(pl.lit(BITS_PER_BYTE))
    return joined.drop("dense_tokens", "dense_bytes", "dense_documents", "documents").with_columns(unit=unit)


def matrix(perplexity: pl.DataFrame) -> pl.DataFrame:
    """One row per variant, corpus and language, the dense model and magnitude included; sorted.

    Columns: model, method, pattern, sample, propagation, calibration, seed, corpus, language, unit (see `with_dense`),
    documents, nats, tokens, bytes, characters, perplexity (per token), bits_per_byte (pooled: all bits over all bytes;
    null where the unit is another), dense_nats, ratio_to_dense (perplexity over the dense model's on the same
    documents), divergence (KL from the dense model, nats per token), agreement (share of the tokens for which both have
    the same likeliest one).

    Raises:
        ValueError: as `with_dense`.
    """
    keys = [*SETTING, "calibration", "seed", "corpus", "language"]
    sums = [pl.col(c).cast(pl.Int64).sum() for c in ("tokens", "bytes", "characters", "agreement")]
    nats = [pl.col(c).sum() for c in ("nats", "dense_nats", "divergence")]
    # Sorted first: a sum of floats depends on the order of its terms.
    ordered = with_dense(perplexity).sort(*keys, "doc_id")
    return (
        ordered.group_by([*keys, "unit"], maintain_order=True)
        .agg(pl.len().cast(pl.Int64).alias("documents"), *nats, *sums)
        .with_columns(
            perplexity=(pl.col("nats") / pl.col("tokens")).exp(),
            bits_per_byte=pl.when(pl.col("unit") == BITS_PER_BYTE).then(
                pl.col("nats") / NATS_PER_BIT / pl.col("bytes")
            ),
            ratio_to_dense=((pl.col("nats") - pl.col("dense_nats")) / pl.col("tokens")).exp(),
            divergence=pl.col("divergence") / pl.col("tokens"),
            agreement=pl.col("agreement") / pl.col("tokens"),
        )
        .select(MATRIX.names())
        .cast(dict(MATRIX))
    )


def mean_matrix(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of `matrix` averaged over seeds; sorted.

    Columns: the keys without the seed, seeds (their number), unit, documents, tokens, bytes, and for each of `UNITS` the
    arithmetic mean, `_min` and `_max` over seeds.
    """
    aggregates = [
        expression
        for unit in UNITS
        for expression in (
            pl.col(unit).mean(),
            pl.col(unit).min().alias(f"{unit}_min"),
            pl.col(unit).max().alias(f"{unit}_max"),
        )
    ]
    return (
        rows.sort(*CELL, "seed")
        .group_by(CELL, maintain_order=True)
        .agg(
            pl.col("seed").n_unique().cast(pl.Int64).alias("seeds"),
            *(pl.col(c).first() for c in ("unit", "documents", "tokens", "bytes")),
            *aggregates,
        )
        .select(MEAN_MATRIX.names())
        .cast(dict(MEAN_MATRIX))
    )


def _where(rows: pl.DataFrame, row: list[str]) -> str:
    model, variant, corpus, language = rows.select(row).sort(row).row(0)
    return f"Perplexity of {variant} ({model}) on {corpus} in {language}"
