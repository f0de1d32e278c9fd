"""Tables of differences between calibrations, pooled over masks and within single ones."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of, words_of
from workflow_scripts.reporting.kit.tables import Column, Table, make_table

SIGN_FLIP = ("p of these masks (sign-flip, Holm)", "p_sign_flip_holm")


def effects_table(effects: pl.DataFrame, name: str, caption: str, known: Known | None = None) -> Table:
    """Own-language calibration minus another one, with interval, p-values and share of the pruning loss."""
    ordered = labels.ranked(effects, *labels.EVALUATION_SETTING, "method", "own", "other", kinds=kinds_of(known))
    rows = [
        row | {"interval": row, "agreeing": row, "made_of": words_of(row["other"], known)}
        for row in ordered.iter_rows(named=True)
    ]
    for row in rows:
        if row["low"] is None:
            row["interval"] = None
    columns = [
        Column("method", "method", labels.method_name),
        Column("own language", "own", labels.with_code),
        Column("against", "other", labels.with_code),
        *([Column("which is", "made_of")] if any(row["made_of"] for row in rows) else []),
        Column(f"difference ({labels.losses(effects)})", "difference", labels.signed),
        Column("95 % interval", "interval", _interval, {"low": "low", "high": "high"}),
        Column("p", "p_value", labels.probability),
        Column("p (Holm)", "p_holm", labels.probability),
        *([Column(*SIGN_FLIP, labels.probability)] if SIGN_FLIP[1] in effects.columns else []),
        Column("smallest detectable", "detectable", "{:.3f}".format),
        Column("share of pruning loss", "relative", labels.percent),
        Column(
            f"own better on {labels.texts(effects)}s",
            "agreeing",
            _agreeing,
            {"documents_better": "documents_better", "documents": "documents"},
        ),
        Column("seeds", "seeds"),
    ]
    return make_table(name, caption, rows, columns, labels.EVALUATION_SETTING)


def within_mask_table(within: pl.DataFrame, name: str, known: Known | None = None) -> Table:
    """Own-language calibration minus another one in single masks, seed by seed."""
    keys = [*labels.EVALUATION_SETTING, "method", "own", "other", "seed"]
    ordered = labels.ranked(within, *keys, kinds=kinds_of(known))
    rows = [row | {"interval": None if row["low"] is None else row} for row in ordered.iter_rows(named=True)]
    columns = [
        Column("method", "method", labels.method_name),
        Column("own language", "own", labels.with_code),
        Column("against", "other", labels.with_code),
        Column("seed", "seed"),
        Column(f"difference ({labels.losses(within)})", "difference", labels.signed),
        Column("95 % interval within the mask", "interval", _interval, {"low": "low", "high": "high"}),
        Column(f"{labels.texts(within)}s", "documents"),
        Column("clusters", "clusters"),
    ]
    caption = "Single masks: own language against every other, no statement about languages"
    return make_table(name, caption, rows, columns, labels.EVALUATION_SETTING)


def _interval(row: dict[str, Any]) -> str:
    return labels.span(row["low"], row["high"])


def _agreeing(row: dict[str, Any]) -> str:
    return f"{row['documents_better']} of {row['documents']}"


def single_masks(
    tables: Mapping[str, pl.DataFrame], units: Iterable[str], name: str, known: Known
) -> list[tuple[Table, bool]]:
    """The differences within single masks in these units, of studies that have too few seeds for more."""
    if "within_mask" not in tables:
        return []
    rows = tables["within_mask"].filter(pl.col("unit").is_in(set(units)))
    return [(within_mask_table(rows, name, known), False)] if rows.height else []
