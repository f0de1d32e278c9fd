"""Differences within single masks, for studies of too few seeds to say anything of a calibration language."""

import math
from collections.abc import Iterator
from typing import Any

import polars as pl

from workflow_scripts.analysis.bootstrap import mask_interval
from workflow_scripts.analysis.matrix import PANEL

WITHIN_MASK = pl.Schema(
    {c: pl.String for c in [*PANEL, "own", "other"]}
    | {"seed": pl.Int64, "unit": pl.String, "documents": pl.Int64, "clusters": pl.Int64}
    | {c: pl.Float64 for c in ("difference", "low", "high")}
)


def within_mask(rows: pl.DataFrame, compared: pl.DataFrame) -> pl.DataFrame:
    """Own-language calibration minus another one, seed by seed, where `compared` has no interval; sorted.

    Args:
        rows: as `effects.compare` takes them; with `cluster` where documents (items) are clustered.
        compared: rows of `effects.compare` or of a table like it.

    Returns:
        model, method, pattern, sample, propagation, corpus, own, other, seed; unit, documents; clusters (as many as
        documents where these are not clustered); difference (negative: own is better), low, high (95 %, studentised bootstrap over
        clusters; null where they are too few): of these two masks and no others.
    """
    found = []
    for comparison in compared.filter(pl.col("reason") != "").iter_rows(named=True):
        there = [pl.col(key) == comparison[key] for key in (*PANEL, "unit")]
        here = rows.filter(pl.col("language") == comparison["own"], *there)
        found += _of_seeds(here, comparison)
    return pl.DataFrame(found, schema=WITHIN_MASK).sort(*PANEL, "own", "other", "unit", "seed")


def _of_seeds(here: pl.DataFrame, comparison: dict[str, Any]) -> Iterator[dict[str, Any]]:
    own, other = (here.filter(pl.col("calibration") == comparison[side]) for side in ("own", "other"))
    pairs = own.join(other, on=["seed", "doc_id"], suffix="_other").sort("seed", "doc_id")
    for (seed,), pair in pairs.partition_by("seed", as_dict=True, maintain_order=True).items():
        clusters = pair["cluster" if "cluster" in pair.columns else "doc_id"].to_numpy()
        interval = mask_interval((pair["loss"] - pair["loss_other"]).to_numpy(), clusters)
        bounds = {
            end: None if math.isnan(getattr(interval, end)) else getattr(interval, end) for end in ("low", "high")
        }
        yield (
            {key: comparison[key] for key in (*PANEL, "own", "other", "unit")}
            | {"seed": seed, "documents": pair.height, "clusters": interval.clusters, "difference": interval.mean}
            | bounds
        )
