"""How far pruned models are from the dense one."""

from collections.abc import Mapping

import polars as pl

from workflow_scripts.reporting.kit import heat, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.effect_tables import effects_table, single_masks
from workflow_scripts.reporting.kit.intervals import effect_intervals, headline_of, of_effects
from workflow_scripts.reporting.kit.maps import Bar, HeatMap, colour_bar, heat_maps
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.tables import Column, Table, calibration_cell, make_table, mean_and_span

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("divergence_effects.rst", "divergence_matrix.rst")


def divergence_table(mean_matrix: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
    """Divergence from the dense model and agreement with it, of every pruned variant in every language."""
    pruned = mean_matrix.filter(pl.col("method") != "dense")
    keys = [*labels.EVALUATION_SETTING, "method", "calibration", "language"]
    rows = labels.ranked(pruned, *keys, kinds=kinds).to_dicts()
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibrated in", "calibration", calibration_cell),
        Column("evaluated in", "language", labels.with_code),
        Column("seeds", "seeds"),
    ]
    for measure, heading, form in (
        ("divergence", "divergence (nats per token)", "{:.3f}"),
        ("agreement", "same likeliest token", "{:.1%}"),
    ):
        parts = {f"{measure}{end}": f"{measure}{end}" for end in ("", "_min", "_max")}
        columns.append(Column(heading, f"{measure} of row", mean_and_span(measure, form), parts))
        for row in rows:
            row[f"{measure} of row"] = row.copy()
    caption = "Divergence from the dense model, mean over seeds (lowest to highest seed)"
    return make_table("divergences", caption, rows, columns, labels.EVALUATION_SETTING)


def _tables(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[Table, bool]]:
    every = "Divergence with own language against every other calibration"
    return [
        (divergence_table(tables["mean_matrix"], kinds_of(known)), False),
        (effects_table(tables["divergence_effects"], "own_language_divergence", every, known), False),
        *single_masks(tables, tables["divergence_effects"]["unit"], "single_masks_divergence", known),
    ]


def _maps(tables: Tables, known: Known) -> tuple[list[HeatMap], Bar]:
    matrix = tables["mean_matrix"]
    return heat_maps(matrix, known, heat.DIVERGENCE), colour_bar(matrix, heat.DIVERGENCE)


SECTION = Section(
    title="Divergence from the dense model",
    files={
        "divergence_effects": "divergence from the dense model with own language against every other calibration",
    },
    shown=headline_of,
    draw=effect_intervals,
    words=of_effects,
    maps=_maps,
    maps_caption="divergence_matrix",
    tables=_tables,
)
