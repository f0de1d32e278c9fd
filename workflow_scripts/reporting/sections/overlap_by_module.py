"""Overlap of masks per linear of a block."""

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
    overlap_table,
    overlap_words,
    pair_dot,
    told_apart,
)
from workflow_scripts.reporting.kit.section import Section
from workflow_scripts.reporting.kit.svg import describe_mark, styled

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("overlap_by_module.rst",)


@styled
def overlap_by_module(by_module: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Overlap of masks per linear of a block: a dot per pair of calibrations on a bar from floor to ceiling."""
    if by_module.is_empty():
        return drawing.nothing("There are no two masks to compare.")
    told = told_apart(by_module, kinds_of(known))
    modules = labels.module_order(by_module["module"])
    limits = drawing.limits((by_module if among is None else among)["iou"])

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        for place, module in enumerate(modules):
            rows = part.filter(pl.col("module") == module)
            _bar(axes, place, rows)
            between = rows.filter(pl.col("relation") == "between").sort("calibration_a", "calibration_b")
            for a, b, iou in between.select("calibration_a", "calibration_b", "iou").iter_rows():
                axes.plot(iou, place, zorder=4 if (a, b) in told else 3, **pair_dot((a, b), told))
            text = overlap_words(rows, labels.module_name(module), told)
            describe_mark(axes.axhspan(place - 0.5, place + 0.5, alpha=0, zorder=9), text)
        axes.set_yticks(range(len(modules)), [labels.module_name(module) for module in modules])
        axes.set(ylim=(len(modules) - 0.5, -0.5), xlim=limits, xlabel="intersection over union")

    size = (4.2, 0.3 * len(modules) + 0.9)
    figure = drawing.grid(by_module, labels.CALIBRATION_SETTING, size, panel, share="xy", titled=among is None)
    return overlap_legend(figure, by_module, told, "dot")


def _bar(axes: Axes, place: int, rows: pl.DataFrame) -> None:
    """From floor to ceiling, as far as they were measured."""
    ends = [rows.filter(pl.col("relation") == relation)["iou"].mean() for relation in ("magnitude", "same")]
    if None not in ends:
        axes.plot(ends, [place, place], color="#e3e3e3", linewidth=7, solid_capstyle="butt", zorder=1)
    for end, colour in zip(ends, (FLOOR, CEILING), strict=True):
        if end is not None:
            axes.plot(end, place, "|", color=colour, markersize=11, markeredgewidth=2, zorder=2)


def of_overlap_by_module(by_module: pl.DataFrame, known: Known | None = None) -> str:
    """Ceiling, pairs and floor in the linears in which each is lowest and highest."""
    sentences = [f"Overlap of masks in {many(by_module['module'].n_unique(), 'kind')} of linears."]
    for name, rows in overlap_lines(by_module, known):
        ordered = rows.sort("iou", "module")
        low, high = (ordered.row(end, named=True) for end in (0, -1))
        told = (f"{row['iou']:.3f} ({labels.module_name(row['module'])})" for row in (low, high))
        sentences.append(f"{capital(name)} from {' to '.join(told)}.")
    return " ".join(sentences)


SECTION = Section(
    title="Overlap of masks by kind of linear",
    files={"overlap_by_module": "overlap of masks by kind of linear"},
    draw=overlap_by_module,
    words=of_overlap_by_module,
    tables=lambda tables, known: [(overlap_table(tables["overlap_by_module"], "module"), False)],
)
