"""Overlap of masks along the depth of the model."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.labels import capital, many
from workflow_scripts.reporting.kit.overlap import (
    CEILING,
    FLOOR,
    overlap_legend,
    overlap_lines,
    overlap_span,
    overlap_table,
    overlap_words,
    pair_line,
    told_apart,
)
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.svg import describe_mark, styled
from workflow_scripts.reporting.kit.tables import Column, Table, make_table

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("overlap_by_block.rst",)


@styled
def overlap_by_block(by_block: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Overlap of masks along the depth of the model: a line per pair of calibrations, between floor and ceiling."""
    if by_block.is_empty():
        return drawing.nothing("There are no two masks to compare.")
    told = told_apart(by_block, kinds_of(known))
    limits = drawing.limits((by_block if among is None else among)["iou"])

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        for relation, colour, dashes in (("magnitude", FLOOR, ":"), ("same", CEILING, "-")):
            _band(axes, part.filter(pl.col("relation") == relation), colour, dashes)
        between = part.filter(pl.col("relation") == "between").sort("calibration_a", "calibration_b", "block")
        # Grey lines first, so that they lie below.
        pairs = between.partition_by("calibration_a", "calibration_b", as_dict=True, maintain_order=True)
        for pair, line in sorted(pairs.items(), key=lambda item: (item[0] in told, item[0])):
            axes.plot(line["block"], line["iou"], **pair_line(pair, told))
        ends = [(pairs[pair]["iou"][-1], f"{pair[0]} and {pair[1]}", "#333333") for pair in told if pair in pairs]
        drawing.depth_axes(axes, part["block"], limits, "intersection over union")
        drawing.end_labels(axes, part["block"].max(), ends)
        for block in sorted(set(part["block"])):
            text = overlap_words(part.filter(pl.col("block") == block), f"block {block}", told)
            describe_mark(axes.axvspan(block - 0.5, block + 0.5, alpha=0, zorder=9), text)

    figure = drawing.grid(by_block, labels.CALIBRATION_SETTING, (4.6, 2.9), panel, share="y", titled=among is None)
    return overlap_legend(figure, by_block, told, "line")


def _band(axes: Axes, rows: pl.DataFrame, colour: str, dashes: str) -> None:
    """Mean over calibrations as a line, from the lowest to the highest as a band."""
    lines = (
        rows.group_by("block").agg(low=pl.col("iou").min(), mean=pl.col("iou").mean(), high=pl.col("iou").max())
    ).sort("block")
    if len(lines):
        axes.fill_between(lines["block"], lines["low"], lines["high"], color=colour, alpha=0.2, linewidth=0)
        axes.plot(lines["block"], lines["mean"], color=colour, linestyle=dashes, linewidth=1.6)


def of_overlap_by_block(by_block: pl.DataFrame, known: Known | None = None) -> str:
    """Ceiling, pairs and floor in the first and the last block."""
    first, last = by_block["block"].min(), by_block["block"].max()
    ends = [by_block.filter(pl.col("block") == block) for block in (first, last)]
    sentences = [f"Overlap of masks in {many(by_block['block'].n_unique(), 'block')}, in the first and in the last."]
    for name, rows in overlap_lines(by_block, known):
        values = [end.join(rows, on=["relation", "calibration_a", "calibration_b"], how="semi")["iou"] for end in ends]
        sentences.append(f"{capital(name)} {overlap_span(values[0])} and {overlap_span(values[1])}.")
    return " ".join(sentences)


def positions_table(positions: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
    """Overlap of the masks of two calibrations between floor and ceiling."""
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibration", "calibration_a", labels.with_code),
        Column("and", "calibration_b", labels.with_code),
        Column("floor", "floor", "{:.3f}".format),
        Column("overlap", "iou", "{:.3f}".format),
        Column("ceiling", "ceiling", "{:.3f}".format),
        Column("way from floor to ceiling", "position", labels.percent),
    ]
    keys = [*labels.CALIBRATION_SETTING, "method", "calibration_a", "calibration_b"]
    rows = labels.ranked(positions, *keys, kinds=kinds).to_dicts()
    return make_table("pairs", "Overlap of masks by pair", rows, columns, labels.CALIBRATION_SETTING)


def _tables(tables: Tables, known: Known) -> list[tuple[Table, bool]]:
    positions = positions_table(tables["positions"], kinds_of(known))
    return [(positions, True), (overlap_table(tables["overlap_by_block"], "block"), False)]


SECTION = Section(
    title="Overlap of masks by depth",
    files={
        "overlap_by_pair": "overlap of masks, pooled",
        "overlap_by_block": "overlap of masks by block",
        "positions": "overlap between floor and ceiling",
        "positions_by_module": "the same by kind of linear",
    },
    draw=overlap_by_block,
    words=of_overlap_by_block,
    tables=_tables,
)
