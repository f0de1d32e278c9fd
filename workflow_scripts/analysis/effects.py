"""What the language of the calibration changes: paired differences.

Everything here is in bits per byte of a document, and every document counts equally, whatever its length: documents are
a sample of the texts one might meet, the analysis of variance behind the interval is balanced only then, and no long
document decides a result alone. The pooled bits per byte of the matrix weigh by bytes, hence differ a little. Where
texts have no known size, windows stand for documents and the unit is nats per token (see `with_dense`).
"""

from collections.abc import Collection

import numpy as np
import polars as pl

from workflow_scripts.analysis.crossed import crossed_interval
from workflow_scripts.analysis.families import with_holm
from workflow_scripts.analysis.matrix import BITS_PER_BYTE, NATS_PER_BIT, PANEL, with_dense
from workflow_scripts.analysis.power import smallest_detectable

PLACE = [*PANEL, "language"]
EFFECTS = pl.Schema(
    {c: pl.String for c in [*PANEL, "own", "other"]}
    | {"documents": pl.Int64, "seeds": pl.Int64, "unit": pl.String}
    | {c: pl.Float64 for c in ("difference", "low", "high", "standard_error", "degrees_of_freedom", "p_value")}
    | {"detectable": pl.Float64}
    | {"own_loss": pl.Float64, "relative": pl.Float64, "documents_better": pl.Int64, "reason": pl.String}
    | {"p_holm": pl.Float64}
)


def compare(rows: pl.DataFrame, own: Collection[str], others: Collection[str], family: str = "effects") -> pl.DataFrame:
    """Own-language calibration minus each of the others, per evaluation language; sorted.

    The difference is paired: same document, same seed. On a parallel corpus the draws of two languages overlap in
    content, those of the same seed most, so the pairing of seeds takes out part of what the content does. On any other
    corpus it is arbitrary: it costs degrees of freedom and does not narrow the interval on average.

    Args:
        rows: calibrated variants, a row per setting, calibration, seed, language and document (`doc_id`), with `loss`,
            the dense model's `dense_loss`, and their `unit`; sorted as by `losses`.
        own: calibrations of a single language, named as that language.
        others: calibrations to compare with.
        family: of `families.FAMILIES`, the one that the tests belong to.

    Returns:
        model, method, pattern, sample, propagation, corpus; own (the evaluation language and its calibration), other;
        documents, seeds; unit of what follows; difference (negative: own is better), low, high (95 %), standard_error,
        degrees_of_freedom, p_value (two-sided t); detectable (see `power.smallest_detectable`, in the unit); own_loss (own minus dense), relative (difference over
        own_loss: -0.5 says that the other calibration loses half as much again; null unless own loses something);
        documents_better (on which own wins, averaged over seeds); reason (why there is no interval, else empty; bounds
        and p-values are then null); p_holm (Holm within the family).

    Raises:
        ValueError: two calibrations that share no seed.
    """
    records = []
    for place, group in sorted(rows.partition_by(PLACE, as_dict=True).items()):
        tables = {name[0]: table for name, table in group.partition_by("calibration", as_dict=True).items()}
        language = place[-1]
        if language in tables and language in own:
            records += [
                dict(zip(PLACE, place, strict=True)) | _effect(language, tables[language], other, tables[other])
                for other in sorted(set(tables) & set(others) - {language})
            ]
    found = pl.DataFrame(records, schema={k: v for k, v in EFFECTS.items() if k != "p_holm"})
    return with_holm(found, family).select(EFFECTS.names()).sort(*PANEL, "own", "other")


def losses(perplexity: pl.DataFrame) -> pl.DataFrame:
    """Calibrated variants only: loss and dense_loss of each document in its corpus's unit, sorted."""
    per_byte = NATS_PER_BIT * pl.col("bytes")
    size = pl.when(pl.col("unit") == BITS_PER_BYTE).then(per_byte).otherwise(pl.col("tokens"))
    return (
        with_dense(perplexity)
        .filter(pl.col("calibration") != "none")
        .with_columns(loss=pl.col("nats") / size, dense_loss=pl.col("dense_nats") / size)
        .sort(*PLACE, "calibration", "seed", "doc_id")
    )


def _effect(own: str, own_rows: pl.DataFrame, other: str, other_rows: pl.DataFrame) -> dict[str, object]:
    seeds = sorted(set(own_rows["seed"]) & set(other_rows["seed"]))
    if not seeds:
        raise ValueError(f"Calibrations {own} and {other} share no seed: give both the same seeds.")
    own_losses, other_losses = (_cube(rows, "loss", seeds) for rows in (own_rows, other_rows))
    difference = own_losses - other_losses
    loss = float((own_losses - _cube(own_rows, "dense_loss", seeds)).mean())
    return {
        "own": own,
        "other": other,
        "documents": len(difference),
        "unit": own_rows["unit"][0],
        "own_loss": loss,
        "documents_better": int((difference.mean(axis=1) < 0).sum()),
        **tested(difference, loss),
    }


def tested(difference: np.ndarray, own_loss: float) -> dict[str, object]:
    """The columns of `compare` from `difference` to `reason` that follow from [documents or clusters, seeds].

    Args:
        difference: paired differences of losses.
        own_loss: what the own calibration loses against the dense model.
    """
    interval = crossed_interval(difference)
    numbers = {
        "low": interval.low,
        "high": interval.high,
        "standard_error": interval.standard_error,
        "degrees_of_freedom": interval.degrees_of_freedom,
        "p_value": interval.p_value,
        "detectable": smallest_detectable(interval.standard_error, interval.degrees_of_freedom),
    }
    return {
        "seeds": interval.seeds,
        "difference": interval.mean,
        **{name: None if np.isnan(value) else value for name, value in numbers.items()},
        "relative": interval.mean / own_loss if own_loss > 0 else None,
        "reason": interval.reason,
    }


def _cube(rows: pl.DataFrame, column: str, seeds: list[int]) -> np.ndarray:
    """One calibration's `column` as [documents, seeds]; rows sorted by seed and document, complete by `with_dense`."""
    return rows.filter(pl.col("seed").is_in(seeds))[column].to_numpy().reshape(len(seeds), -1).T
