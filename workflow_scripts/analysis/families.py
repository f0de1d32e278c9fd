"""Families of tests: which p-values are corrected together, declared before any is computed."""

import gc
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from statsmodels.stats.multitest import multipletests

SIGNIFICANT = 0.05
FAMILIES: Mapping[str, Sequence[str]] = {
    "effects": ("model", "method", "pattern"),
    "baselines": ("model", "method", "pattern"),
    "divergence_effects": ("model", "method", "pattern"),
    "cloze_effects": ("model", "method", "pattern"),
    "cloze_chance": ("model",),
    "questions_effects": ("model", "method", "pattern"),
    "fidelity_effects": ("model", "method", "pattern", "unit"),
    "evaluation_error_effects": ("model", "method", "pattern"),
    "task_effects": ("model", "method", "pattern", "corpus", "unit", "pooled"),
    "task_chance": ("model", "corpus"),
}
"""Family -> the columns whose values tell two families of that name apart; all other rows are tested together."""


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment of a family of p-values, float [tests]; NaN stays NaN and does not count."""
    p_values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full_like(p_values, np.nan)
    tested = ~np.isnan(p_values)
    if tested.any():
        # It collects garbage at every call, which takes longer than all the rest: freezing leaves it nothing to look at.
        gc.freeze()
        adjusted[tested] = multipletests(p_values[tested], method="holm")[1]
        gc.unfreeze()
    return adjusted


def with_holm(rows: pl.DataFrame, family: str, p_value: str = "p_value", into: str = "p_holm") -> pl.DataFrame:
    """The rows, their order kept, with `into`: `p_value` after Holm's correction within `family`; null stays null.

    Raises:
        KeyError: no such family is declared.
    """
    columns, values = FAMILIES[family], rows[p_value].cast(pl.Float64).to_numpy()
    adjusted = np.full(rows.height, np.nan)
    for places in rows.with_row_index().group_by(columns, maintain_order=True).agg("index")["index"]:
        members = places.to_numpy()
        adjusted[members] = holm(values[members])
    return rows.with_columns(pl.Series(into, adjusted, dtype=pl.Float64).fill_nan(None))


def in_words(family: str) -> str:
    """What a family spans: `one model, method and pattern`."""
    names = {"corpus": "task", "unit": "measure", "pooled": "kind of row (single languages or pooled)"}
    *most, last = [names.get(column, column) for column in FAMILIES[family]]
    return f"one {' and '.join(filter(None, (', '.join(most), last)))}"
