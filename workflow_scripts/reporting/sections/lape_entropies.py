"""How specific neurons are."""

from collections.abc import Mapping

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.inside import DENSE_COLOUR, calibrated
from workflow_scripts.reporting.kit.section import Section
from workflow_scripts.reporting.kit.svg import describe_mark, styled

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("lape_entropies.rst",)


@styled
def entropy_shift(rows: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Distribution of entropies over languages, dense against pruned: a line a calibration; logarithmic, for few are low."""
    if rows.is_empty():
        return drawing.nothing("No variant was calibrated.")
    kinds = kinds_of(known)
    names = labels.in_order(rows["calibration"], kinds)
    every = rows if among is None else among
    limits = drawing.limits([*every["share"], *every["dense_share"]], logarithmic=True)

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        line = part.filter(pl.col("calibration") == names[0]).sort("low")
        edges = [*line["low"], line["high"][-1]]
        axes.set_yscale("log")
        axes.stairs(line["dense_share"], edges, baseline=None, color=DENSE_COLOUR, linewidth=2.4)
        for name in names:
            shares = part.filter(pl.col("calibration") == name).sort("low")["share"]
            axes.stairs(shares, edges, baseline=None, color=labels.look(name, kinds).colour, linewidth=1.2)
        axes.set(xlabel="entropy over languages (nats)", ylabel="share of neurons", ylim=limits)
        for row in line.iter_rows(named=True):
            told = _bin_words(row, part.filter(pl.col("low") == row["low"]), names)
            describe_mark(axes.axvspan(row["low"], row["high"], alpha=0, zorder=9), told)

    figure = drawing.grid(rows, labels.CALIBRATION_SETTING, (4.6, 2.6), panel, titled=among is None)
    colours = [DENSE_COLOUR, *(labels.look(name, kinds).colour for name in names)]
    handles = [Line2D([], [], color=colour, linewidth=1.6) for colour in colours]
    return drawing.legend(figure, handles, ["dense model", *map(labels.with_code, names)])


def _bin_words(row: Mapping, rows: pl.DataFrame, names: list[str]) -> str:
    """The shares of a bin, for those who point at it."""
    shares = dict(rows.select("calibration", "share").iter_rows())
    lines = [f"entropy {row['low']:.2f} to {row['high']:.2f} nats", f"dense model {labels.percent(row['dense_share'])}"]
    return "\n".join(lines + [f"{name} {labels.percent(shares[name])}" for name in names if name in shares])


def of_entropies(rows: pl.DataFrame, known: Known | None = None) -> str:
    """Mean entropies of the dense and of the pruned models, as far as a histogram knows them."""
    middle, width = (pl.col("low") + pl.col("high")) / 2, rows["high"][0] - rows["low"][0]
    dense = rows.filter(pl.col("calibration") == rows["calibration"].min()).select(
        (middle * pl.col("dense_share")).sum()
    )
    sentences = [f"Mean entropy over languages in nats, to half a bin of {width:.3f}: dense model {dense.item():.2f}."]
    for name in labels.in_order(rows["calibration"], kinds_of(known)):
        mean = rows.filter(pl.col("calibration") == name).select((middle * pl.col("share")).sum()).item()
        sentences.append(f"Calibrated in {labels.language_name(name)}: {mean:.2f}.")
    return " ".join(sentences)


SECTION = Section(
    title="How specific neurons are",
    files={"lape_entropies": "distribution of neurons' entropies over languages"},
    shown=calibrated,
    draw=entropy_shift,
    words=of_entropies,
)
