"""What is lost of language-specific and agnostic parts."""

import polars as pl
from matplotlib.figure import Figure

from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.inside import CALIBRATED, DASHES, by_depth, calibrated, with_owner
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.svg import styled
from workflow_scripts.reporting.kit.tables import Column, Table, make_table

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("subspaces.rst",)

PARTS = {"specific": "#d55e00", "agnostic": "#0072b2", "random": "#7a7a7a"}
PART_NAMES = {
    "specific": "language-specific",
    "agnostic": "language-agnostic",
    "random": "random, of equal rank",
}


@styled
def subspace_errors(rows: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Relative error of the language-specific and the agnostic part by depth: mean over languages, the band spans them."""
    return by_depth(
        rows, among, known, "spread_error", "part", PARTS, PART_NAMES, "error over spread of the part", logarithmic=True
    )


def of_subspaces(rows: pl.DataFrame, known: Known | None = None) -> str:
    """Mean error of the parts over blocks and languages."""
    owned, sentences = with_owner(rows, known), ["Error of each part over its spread, mean over blocks and languages."]
    for part, name in PART_NAMES.items():
        found = owned.filter(pl.col("part") == part)
        means = {owner: found.filter(pl.col("owner") == owner)["spread_error"].mean() for owner in DASHES}
        told = [f"{mean:.3g} calibrated in {CALIBRATED[owner]}" for owner, mean in means.items() if mean is not None]
        sentences.append(f"{labels.capital(name)}: {labels.listed(told)}.")
    return " ".join(sentences)


def ranks_table(ranks: pl.DataFrame) -> Table:
    """Ranks of the language-specific subspace."""
    columns = [
        Column("rank", "rank"),
        Column("chosen", "chosen", lambda chosen: "chosen" if chosen else ""),
        Column("held-out variance between languages", "explained", labels.percent),
        Column("least of a block", "explained_min", labels.percent),
        Column("translations found by the agnostic part", "retrieval", labels.percent),
        Column("by whole vectors", "whole_retrieval", labels.percent),
        Column("by chance", "chance", labels.percent),
    ]
    return make_table(
        "ranks", "Rank of the language-specific subspace of the dense model", ranks.to_dicts(), columns, ["model"]
    )


def subspaces_table(subspaces: pl.DataFrame, known: Known | None = None) -> Table:
    """Error and retrieval of each part at the chosen rank, mean over blocks."""
    keys = [*labels.CALIBRATION_SETTING, "method", "calibration", "language", "part"]
    rows = (
        subspaces.filter(pl.col("chosen"))
        .group_by(keys, maintain_order=True)
        .agg(pl.col("relative_error", "spread_error", "error_share", "retrieval", "dense_retrieval").mean())
    )
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibration", "calibration", labels.calibration_name),
        Column("evaluated", "language", labels.with_code),
        Column("part", "part"),
        Column("error over spread", "spread_error", "{:.3f}".format),
        Column("error over energy", "relative_error", "{:.4f}".format),
        Column("share of the error", "error_share", labels.percent),
        Column("translations found", "retrieval", labels.percent),
        Column("by the dense model", "dense_retrieval", labels.percent),
    ]
    ordered = labels.ranked(rows, *keys[:-1], kinds=kinds_of(known))
    return make_table(
        "parts", "Error of each part, mean over blocks", ordered.to_dicts(), columns, labels.CALIBRATION_SETTING
    )


def _shown(table: pl.DataFrame, known: Known | None = None) -> pl.DataFrame:
    """Rows of the chosen rank, in the languages that some variant was calibrated in.

    Own and other calibrations are so averaged over the same languages.
    """
    rows = calibrated(table)
    both = pl.col("language").is_in(rows["calibration"].unique().implode())
    evaluated = rows.filter(both) if rows.select(both.any()).item() else rows
    return evaluated.filter(pl.col("chosen"), pl.col("part") != "whole")


def _tables(tables: Tables, known: Known) -> list[tuple[Table, bool]]:
    return [(ranks_table(tables["subspace_ranks"]), True), (subspaces_table(tables["subspaces"], known), False)]


SECTION = Section(
    title="What is lost: specific and agnostic parts",
    files={
        "subspace_ranks": "rank of the language-specific subspace of the dense model",
        "subspaces": "error and retrieval of the specific and the agnostic part of every block",
    },
    shown=_shown,
    draw=subspace_errors,
    words=of_subspaces,
    tables=_tables,
)
