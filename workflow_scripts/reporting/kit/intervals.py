"""Differences between calibrations as marks with intervals, and in words."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from workflow_scripts.reporting.kit import drawing, labels, tooltips
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.labels import language_name, signed
from workflow_scripts.reporting.kit.svg import describe_mark, styled


@styled
def effect_intervals(effects: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """Loss of the own-language calibration minus the reference's, with 95 % intervals; hollow: no interval."""
    every = effects if among is None else among
    reference = labels.reference_of(every, kinds_of(known))
    if reference is None:
        return drawing.nothing("One calibration language only: there is nothing to compare.")
    rows, every = (frame.filter(pl.col("other") == reference) for frame in (effects, every))
    languages = labels.in_order(rows["own"])
    limits = drawing.limits([0, *every["difference"], *every["low"], *every["high"]])

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        axes.axvline(0, color="black", linewidth=0.8)
        for row in part.iter_rows(named=True):
            interval_mark(axes, languages.index(row["own"]), row, known)
        axes.set_yticks(range(len(languages)), [labels.with_code(name) for name in languages])
        interval_axes(axes, len(languages), limits)

    size = (3.9, 0.3 * len(languages) + 0.7)
    figure = drawing.grid(rows, labels.EVALUATION_SETTING, size, panel, share="xy", titled=among is None)
    name = labels.language_name(reference)
    figure.supxlabel(f"{labels.losses(rows)}, own language minus {name}\n(left of the line: own is better)", fontsize=9)
    return figure


def interval_mark(axes: Axes, place: int, row: Mapping[str, Any], known: Known | None) -> None:
    """A difference with its interval, in the look of the own language; hollow without one."""
    look = labels.look(row["own"])
    if row["low"] is not None:
        axes.plot([row["low"], row["high"]], [place] * 2, color=look.colour, linewidth=2.2)
    face = "white" if row["low"] is None else look.colour
    axes.plot(row["difference"], place, look.marker, color=look.colour, markersize=7, markerfacecolor=face)
    describe_mark(axes.axhspan(place - 0.5, place + 0.5, alpha=0, zorder=9), tooltips.effect(row, known))


def interval_axes(axes: Axes, lines: int, limits: tuple[float, float] | None) -> None:
    axes.set(ylim=(lines - 0.5, -0.5), xlim=limits)
    axes.grid(axis="x", color="#e5e5e5", linewidth=0.6)
    axes.xaxis.get_major_locator().set_params(nbins=6)
    axes.set_axisbelow(True)


def of_effects(head: pl.DataFrame, known: Known | None = None) -> str:
    """The difference of each language from the reference, with its interval."""
    if head.is_empty():
        return "There is no difference to show."
    sentences = [f"Own language minus {language_name(head['other'][0])} in {labels.losses(head)}."]
    for row in labels.ranked(head, "own").iter_rows(named=True):
        sentences.append(f"{language_name(row['own'])} {difference_words(row)}.")
    return " ".join(sentences)


def difference_words(row: Mapping[str, Any]) -> str:
    interval = f"95 % interval {labels.span(row['low'], row['high'])}" if row["low"] is not None else "no interval"
    return f"{signed(row['difference'])}, {interval}"


def headline_of(effects: pl.DataFrame, known: Known | None = None) -> pl.DataFrame:
    """The rows that compare with the reference."""
    return labels.headline(effects, kinds_of(known))
