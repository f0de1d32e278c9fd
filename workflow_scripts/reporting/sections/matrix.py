"""Perplexity of every calibration in every language."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from workflow_scripts.reporting.kit import drawing, heat, labels, tooltips
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.maps import Bar, HeatMap, colour_bar, heat_maps
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.svg import describe_mark, styled
from workflow_scripts.reporting.kit.tables import Column, Table, calibration_cell, make_table, ratio

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("matrix.rst",)


@styled
def draw_matrix(mean_matrix: pl.DataFrame, known: Known | None = None) -> Figure:
    """Calibration x evaluation: one panel per method, the ratio of perplexity to the dense model's in each cell.

    Colour is the excess in per cent over the best calibration of that column, because ratios of different languages do
    not compare; a frame marks the calibration in the evaluated language, bold type the best of a column.
    """
    kinds = kinds_of(known)
    # Magnitude's cells stand in the panel of every setting and method, so they take its keys.
    found = [
        cells.with_columns(**{key: pl.lit(value) for key, value in keys.items()})
        for keys, cells in heat.panels(mean_matrix, kinds)
    ]
    if not found:
        return drawing.nothing("No calibrated variant was measured.")
    every = pl.concat(found)
    languages, names = labels.in_order(every["language"]), labels.in_order(every["calibration"], kinds)
    top = heat.darkest(mean_matrix)

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        for cell in part.iter_rows(named=True):
            _cell(axes, languages.index(cell["language"]), names.index(cell["calibration"]), cell, top, known)
        _matrix_axes(axes, names, languages)

    size = (max(0.56 * len(languages) + 1.4, 3.2), 0.34 * len(names) + 1.5)
    figure = drawing.grid(every, labels.EVALUATION_SETTING, size, panel, share="xy")
    bar = ScalarMappable(Normalize(0, top), heat.COLOUR_MAP)
    title = "perplexity above the best calibration for that language (%)"
    for part in figure.subfigs:
        part.colorbar(bar, ax=part.axes, location="bottom", shrink=0.5, aspect=40, extend="max", label=title)
    return figure


def _cell(axes: Axes, x: int, y: int, cell: Mapping[str, Any], top: float, known: Known | None) -> None:
    colour = heat.fill(cell["excess"], top)
    ink = heat.ink(colour)
    weight = "bold" if cell["best"] else "normal"
    patch = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5)
    describe_mark(axes.add_patch(patch), tooltips.cell(cell, known))
    axes.text(x, y, heat.short(cell["ratio_to_dense"]), ha="center", va="center", color=ink, weight=weight)
    if cell["calibration"] == cell["language"]:
        axes.add_patch(Rectangle((x - 0.44, y - 0.42), 0.88, 0.84, fill=False, edgecolor=ink))


def _matrix_axes(axes: Axes, rows: list[str], languages: list[str]) -> None:
    axes.set_xticks(range(len(languages)), languages)
    axes.set_yticks(range(len(rows)), [labels.calibration_name(name) for name in rows])
    axes.set(xlim=(-0.5, len(languages) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.set(xlabel="evaluated in", ylabel="calibrated in")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def matrix_table(mean_matrix: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
    """Ratio to the dense model, one row per method and calibration, one column per evaluated language."""
    pruned = mean_matrix.filter(pl.col("method") != "dense")
    languages = labels.in_order(pruned["language"])
    keys = ["model", "pattern", "corpus", "method", "sample", "propagation", "calibration"]
    rows = []
    for group in labels.ranked(pruned, *keys, "language", kinds=kinds).partition_by(keys, maintain_order=True):
        cells = {row["language"]: row for row in group.iter_rows(named=True)}
        rows.append({key: group[key][0] for key in keys} | cells)
    columns = [Column("method", "method", labels.method_name), Column("calibrated in", "calibration", calibration_cell)]
    for language in languages:
        parts = {f"{language}{end}": f"ratio_to_dense{end}" for end in ("", "_min", "_max")}
        columns.append(Column(labels.with_code(language), language, _ratio_and_span, parts))
    caption = "Perplexity over the dense model's, mean over seeds (lowest to highest seed)"
    return make_table("ratios", caption, rows, columns, labels.EVALUATION_SETTING)


def variants_table(mean_matrix: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
    """Every variant in every language in all units, the dense model included."""
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibrated in", "calibration", calibration_cell),
        Column("evaluated in", "language", labels.with_code),
        Column("seeds", "seeds"),
        Column(f"{labels.texts(mean_matrix)}s", "documents"),
        Column("perplexity", "perplexity", "{:,.2f}".format),
        Column("bits per byte", "bits_per_byte", "{:.3f}".format),
        Column("over dense", "ratio_to_dense", ratio),
    ]
    rows = labels.ranked(
        mean_matrix, *labels.EVALUATION_SETTING, "method", "calibration", "language", kinds=kinds
    ).to_dicts()
    return make_table("variants", "All variants, means over seeds", rows, columns, labels.EVALUATION_SETTING)


def _ratio_and_span(row: dict[str, Any]) -> str:
    mean = ratio(row["ratio_to_dense"])
    if row["seeds"] == 1:
        return mean
    return f"{mean} ({ratio(row['ratio_to_dense_min'])}–{ratio(row['ratio_to_dense_max'])})"


def _maps(tables: Tables, known: Known) -> tuple[list[HeatMap], Bar]:
    return heat_maps(tables["mean_matrix"], known), colour_bar(tables["mean_matrix"])


def _tables(tables: Tables, known: Known) -> list[tuple[Table, bool]]:
    return [(make(tables["mean_matrix"], kinds_of(known)), False) for make in (matrix_table, variants_table)]


SECTION = Section(
    title="Calibration and evaluation",
    files={
        "matrix": "perplexity and bits per byte of every variant and language",
        "mean_matrix": "the same, averaged over seeds",
    },
    draw=draw_matrix,
    maps=_maps,
    tables=_tables,
    made_of=True,
)
