"""Errors along the depth of the model."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator

from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.labels import capital, language_name, many
from workflow_scripts.reporting.kit.overlap import MOST_NAMED
from workflow_scripts.reporting.kit.section import Section
from workflow_scripts.reporting.kit.svg import describe_mark, styled
from workflow_scripts.reporting.kit.tables import Column, Table, make_table, mean_and_span

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("error_by_block.rst",)

ERRORS = {"local_error": "local error", "path_error": "path error"}


@styled
def error_by_block(errors: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Local and path error along the depth of the model: a line per calibration, from lowest to highest seed a band."""
    if errors.is_empty():
        return drawing.nothing("No calibrated variant was pruned.")
    every, kinds = errors if among is None else among, kinds_of(known)
    limits = {name: drawing.limits([*every[f"{name}_min"], *every[f"{name}_max"]], logarithmic=True) for name in ERRORS}
    methods = sorted(set(errors["method"]))
    panels = [(method, measure) for measure in ERRORS for method in methods]
    # A row of panels per measure.
    titles = {
        f"{labels.method_name(method) + ': ' if among is None else ''}{ERRORS[measure]}": (method, measure)
        for method, measure in panels
    }
    rows = pl.concat(
        errors.filter(pl.col("method") == method).with_columns(panel=pl.lit(title), measure=pl.lit(measure))
        for title, (method, measure) in titles.items()
    )

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        measure = part["measure"][0]
        ends = []
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 4, 5, 7), numticks=12))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
        for name in labels.in_order(part["calibration"], kinds):
            line = part.filter(pl.col("calibration") == name).sort("block")
            look = labels.look(name, kinds)
            low, high = (line[f"{measure}_{end}"].cast(float) for end in ("min", "max"))
            axes.fill_between(line["block"], low, high, color=look.colour, alpha=0.15, linewidth=0)
            axes.plot(line["block"], line[measure].cast(float), **drawing.calibration_line(look))
            ends.append((line[measure][-1], name, look.colour))
        drawing.depth_axes(axes, part["block"], limits[measure], "relative error")
        drawing.end_labels(axes, part["block"].max(), ends)
        for block in sorted(set(part["block"])):
            text = error_words(part.filter(pl.col("block") == block), block, measure, kinds)
            describe_mark(axes.axvspan(block - 0.5, block + 0.5, alpha=0, zorder=9), text)

    figure = drawing.grid(
        rows, labels.CALIBRATION_SETTING, (4.6, 2.5), panel, by="panel", titled=among is None, columns=len(methods)
    )
    names = labels.in_order(errors["calibration"], kinds)
    handles = [Line2D([], [], **drawing.calibration_line(labels.look(name, kinds))) for name in names]
    return drawing.legend(figure, handles, [labels.with_code(name) for name in names])


def of_error_by_block(errors: pl.DataFrame, known: Known | None = None) -> str:
    """Local and path error of each calibration in the first, the last and the worst block."""
    sentences = [f"Relative errors in {many(errors['block'].n_unique(), 'block')}."]
    for measure in ("local_error", "path_error"):
        for name in labels.in_order(errors["calibration"], kinds_of(known))[:MOST_NAMED]:
            line = errors.filter(pl.col("calibration") == name).drop_nulls(measure).sort("block")
            if line.is_empty():
                continue
            worst = line.row(line[measure].arg_max(), named=True)
            sentences.append(
                f"{capital(measure.replace('_', ' '))} with {language_name(name)}: {line[measure][0]:.3g} in the first "
                f"block, {line[measure][-1]:.3g} in the last, at most {worst[measure]:.3g} in block {worst['block']}."
            )
    return " ".join(sentences)


def error_words(rows: pl.DataFrame, block: int, measure: str, kinds: Mapping[str, str] | None = None) -> str:
    """The errors of all calibrations in one block; rows of `error_by_block`."""
    lines = [f"block {block}, {measure.replace('_', ' ')}"]
    for row in labels.ranked(rows, "calibration", kinds=kinds).iter_rows(named=True):
        value, low, high = (row[f"{measure}{end}"] for end in ("", "_min", "_max"))
        span = f" (seeds {low:.3g} to {high:.3g})" if row["seeds"] > 1 and value is not None else ""
        lines.append(f"{row['calibration']} {'unknown' if value is None else f'{value:.4g}'}{span}")
    return "\n".join(lines)


def errors_table(errors: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
    """Errors and signal-to-noise ratio of each block."""
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibrated in", "calibration", labels.with_code),
        Column("block", "block"),
    ]
    rows = labels.ranked(errors, *labels.CALIBRATION_SETTING, "method", "calibration", "block", kinds=kinds).to_dicts()
    for measure, form in (("local_error", "{:.4f}"), ("path_error", "{:.4f}"), ("signal_to_noise", "{:.1f}")):
        unit = " (dB)" if measure == "signal_to_noise" else ""
        parts = {f"{measure}{end}": f"{measure}{end}" for end in ("", "_min", "_max")}
        columns.append(
            Column(measure.replace("_", " ") + unit, f"{measure} of row", mean_and_span(measure, form), parts)
        )
        for row in rows:
            row[f"{measure} of row"] = None if row[measure] is None else row.copy()
    caption = "Errors by block, mean over seeds (lowest to highest seed)"
    return make_table("block_errors", caption, rows, columns, labels.CALIBRATION_SETTING)


SECTION = Section(
    title="Error by depth",
    files={
        "layer_errors": "errors of every linear, averaged over seeds",
        "error_by_block": "the same by block",
    },
    draw=error_by_block,
    words=of_error_by_block,
    tables=lambda tables, known: [(errors_table(tables["error_by_block"], kinds_of(known)), False)],
)
