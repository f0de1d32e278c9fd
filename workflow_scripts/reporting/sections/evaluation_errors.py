"""Signal-to-noise of every block on evaluation text."""

import polars as pl
from matplotlib.figure import Figure

from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.calibrations import Known
from workflow_scripts.reporting.kit.effect_tables import effects_table
from workflow_scripts.reporting.kit.inside import CALIBRATED, DASHES, by_depth, calibrated, with_owner
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.svg import styled
from workflow_scripts.reporting.kit.tables import Table

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("evaluation_errors.rst",)


@styled
def evaluation_errors(rows: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Signal-to-noise of every block on evaluation text: a line a language, own calibration against the others' mean."""
    owned = with_owner(rows, known)
    languages = labels.in_order(owned["language"])
    colours = {name: labels.look(name).colour for name in languages}
    names = {name: labels.with_code(name) for name in languages}
    return by_depth(rows, among, known, "signal_to_noise", "language", colours, names, "signal-to-noise (dB)")


def of_evaluation_errors(rows: pl.DataFrame, known: Known | None = None) -> str:
    """Mean signal-to-noise over blocks in each language, by own and by other calibrations."""
    owned, sentences = with_owner(rows, known), ["Signal-to-noise in dB, mean over blocks."]
    for language in labels.in_order(owned["language"]):
        found = owned.filter(pl.col("language") == language)
        means = {owner: found.filter(pl.col("owner") == owner)["signal_to_noise"].mean() for owner in DASHES}
        told = [f"{mean:.1f} calibrated in {CALIBRATED[owner]}" for owner, mean in means.items() if mean is not None]
        sentences.append(f"{labels.language_name(language)}: {labels.listed(told)}.")
    return " ".join(sentences)


def _tables(tables: Tables, known: Known) -> list[tuple[Table, bool]]:
    every = "Noise in dB with own language against every other calibration"
    return [(effects_table(tables["evaluation_error_effects"], "every_calibration_noise", every, known), False)]


SECTION = Section(
    title="Signal-to-noise on evaluation text",
    files={
        "evaluation_errors": "error and signal-to-noise of every block on evaluation text",
        "evaluation_error_effects": "noise on evaluation text with own language against every other calibration, with intervals",
    },
    shown=calibrated,
    draw=evaluation_errors,
    words=of_evaluation_errors,
    tables=_tables,
)
