"""The tree of calibrations by their masks: who chooses alike."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from workflow_scripts.analysis.clusters import leaf_order
from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.svg import describe_mark, styled
from workflow_scripts.reporting.kit.tables import Column, Table, foretells, make_table

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("mask_clusters.rst",)

COLOUR = "#444444"


@styled
def mask_clusters(clusters: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """A tree a setting and method: languages at the left, joined where their masks differ by so much on average."""
    if clusters.is_empty():
        return drawing.nothing("There is no tree of fewer than three languages.")
    every = clusters if among is None else among
    leaves = max(row.count("+") + 1 for row in every["calibrations"])
    limits = (0, 1.08 * every["height"].max())

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        order = leaf_order(part)
        places = {name: (0.0, float(place)) for place, name in enumerate(order)}
        for row in part.sort("merge").iter_rows(named=True):
            (x, y), (other_x, other_y) = places[row["left"]], places[row["right"]]
            height = row["height"]
            [mark] = axes.plot([x, height, height, other_x], [y, y, other_y, other_y], color=COLOUR, linewidth=1.6)
            describe_mark(mark, _merge_words(row))
            places[row["calibrations"]] = height, (y + other_y) / 2
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_yticks(range(len(order)), [labels.with_code(name) for name in order])
        axes.set(xlim=limits, ylim=(leaves - 0.5, -0.5), xlabel="1 \N{MINUS SIGN} overlap of masks, mean over pairs")

    size = (4.2, 0.32 * leaves + 0.8)
    return drawing.grid(clusters, labels.CALIBRATION_SETTING, size, panel, titled=among is None)


def _merge_words(row: Mapping) -> str:
    sides = (labels.listed(map(labels.language_name, row[side].split("+"))) for side in ("left", "right"))
    return f"{' with '.join(sides)}: overlap {1 - row['height']:.3f} on average"


def of_mask_clusters(clusters: pl.DataFrame, known: Known | None = None) -> str:
    """What is joined with what, from the most alike on."""
    sentences = [f"{_merge_words(row)}." for row in clusters.sort("merge").iter_rows(named=True)]
    faithful = clusters["cophenetic"][0]
    told = (
        f" The tree keeps the overlaps of pairs with a correlation of {faithful:.2f}." if faithful is not None else ""
    )
    return " ".join(sentences) + told


GOES_WITH = {"loss": "less loss", "local_error": "local errors that differ less"}


def clusters_table(clusters: pl.DataFrame) -> Table:
    """The merges of the tree."""
    columns = [
        Column("method", "method", labels.method_name),
        Column("joins", "left"),
        Column("with", "right"),
        Column("1 \N{MINUS SIGN} overlap", "height", "{:.3f}".format),
        Column("cophenetic correlation", "cophenetic", "{:.2f}".format),
    ]
    return make_table(
        "tree", "Tree of languages by their masks", clusters.to_dicts(), columns, labels.CALIBRATION_SETTING
    )


def relations_table(relations: pl.DataFrame) -> Table:
    """What overlap of masks goes with."""
    rows = [row | {"foretells": row if row["rho"] is not None else None} for row in relations.to_dicts()]
    columns = [
        Column("method", "method", labels.method_name),
        Column("more overlap goes with", "goes_with", GOES_WITH.__getitem__),
        Column("languages", "languages"),
        Column("rank correlation", "foretells", foretells, {"rho": "rho", "low": "low", "high": "high"}),
        Column("p (Mantel)", "p_value", labels.probability),
    ]
    caption = "What overlap of masks goes with, within each language (95\N{NO-BREAK SPACE}% interval over languages)"
    return make_table("relations", caption, rows, columns, labels.EVALUATION_SETTING)


def _tables(tables: Tables, known: Known) -> list[tuple[Table, bool]]:
    return [(clusters_table(tables["mask_clusters"]), False), (relations_table(tables["overlap_relations"]), True)]


SECTION = Section(
    title="Which languages choose alike",
    files={
        "mask_clusters": "tree of languages by their masks",
        "overlap_relations": "how overlap of masks goes with loss and with local error",
    },
    applies=lambda clusters: not clusters.is_empty(),
    draw=mask_clusters,
    words=of_mask_clusters,
    tables=_tables,
)
