"""What the pruned models still know."""

from collections.abc import Mapping

import polars as pl
from matplotlib.figure import Figure

from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.effect_tables import effects_table, single_masks
from workflow_scripts.reporting.kit.effect_words import effect_sentences
from workflow_scripts.reporting.kit.intervals import effect_intervals, headline_of, of_effects
from workflow_scripts.reporting.kit.knowledge import (
    accuracies,
    accuracy_bar,
    accuracy_maps,
    accuracy_table,
    not_reported,
    panels,
)
from workflow_scripts.reporting.kit.maps import Bar, HeatMap
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.svg import styled
from workflow_scripts.reporting.kit.tables import Table

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("cloze_effects.rst", "cloze_matrix.rst")


@styled
def margin_intervals(
    cloze_effects: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None
) -> Figure:
    """As `effect_intervals`, for the margin of cloze items."""
    if labels.headline(cloze_effects, kinds_of(known)).is_empty():
        return drawing.nothing("Nothing to compare where the dense model beats chance.")
    return effect_intervals(cloze_effects, among, known)


def knowledge_findings(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[str, list[str]]]:
    """A heading (method and setting) and sentences for each."""
    shown = list(panels(tables["cloze_matrix"], known))
    head = labels.headline(tables["cloze_effects"], kinds_of(known))
    others = [{key: panel.setting[key] for key in labels.EVALUATION_SETTING} for panel in shown]
    found = []
    for panel, other in zip(shown, others, strict=True):
        rows = labels.of_setting(head, panel.setting)
        sentences = [*accuracies(panel), *(effect_sentences(rows) if rows.height else [])]
        title = f"{labels.method_name(panel.setting['method'])}, {labels.setting_title(other, others)}"
        found.append((title, sentences))
    return found


def _tables(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[Table, bool]]:
    effects, kinds = tables["cloze_effects"], kinds_of(known)
    headline = labels.headline(effects, kinds)
    against = f"Margin with own language against {labels.language_name(labels.reference_of(effects, kinds) or '')}"
    every = "Margin with own language against every other calibration"
    named = ((headline, "own_language_margin", against), (effects, "every_calibration_margin", every))
    margins = [
        (effects_table(rows, name, caption, known), rows is headline) for rows, name, caption in named if rows.height
    ]
    single = single_masks(tables, effects["unit"], "single_masks_cloze", known)
    return [(accuracy_table(tables["cloze_matrix"], known), False), *margins, *single]


def _maps(tables: Tables, known: Known) -> tuple[list[HeatMap], Bar]:
    return accuracy_maps(tables["cloze_matrix"], known), accuracy_bar()


SECTION = Section(
    title="What the pruned models still know",
    files={
        "cloze_matrix": "accuracy and margin of factual cloze items",
        "cloze_effects": "margin with own language against every other calibration, with intervals",
    },
    shown=headline_of,
    draw=margin_intervals,
    words=of_effects,
    maps=_maps,
    maps_caption="cloze_matrix",
    tables=_tables,
    findings=knowledge_findings,
    gaps=lambda tables: not_reported(tables["cloze_matrix"]),
)
