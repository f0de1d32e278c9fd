"""What all figures are put together from: panels by setting and method, axes along the depth, names at lines, legends."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from workflow_scripts.reporting.kit import labels

NARROWEST, WIDEST = 4.4, 13.0
LABEL_HEIGHT = 0.065

Panel = Callable[[Axes, pl.DataFrame], None]


def nothing(sentence: str) -> Figure:
    """A figure that says why there is nothing to see."""
    figure = Figure(figsize=(NARROWEST, 0.8))
    figure.text(0.5, 0.5, sentence, ha="center", va="center")
    return figure


def grid(
    rows: pl.DataFrame,
    keys: list[str],
    size: tuple[float, float],
    panel: Panel,
    share: str = "",
    by: str = "method",
    titled: bool = True,
    columns: int = 0,
) -> Figure:
    """A row of panels per setting, one panel per value of `by`.

    Args:
        size: of a panel, in inches.
        share: axes that the panels share: "x", "y" or both.
        titled: whether to write settings and methods; single panels of a page leave them out.
        columns: panels side by side; by default as many as fit.
    """
    names = sorted(set(rows[by])) if by == "method" else list(dict.fromkeys(rows[by]))
    columns = columns or min(len(names), max(1, int(WIDEST // size[0])))
    lines = -(-len(names) // columns)
    among = labels.settings(rows, keys)
    height = (size[1] * lines + 0.35) * len(among) + 0.75
    figure = Figure(figsize=(max(size[0] * columns + 0.4 * titled, NARROWEST), height))
    figure.get_layout_engine().set(wspace=0.04)
    for part, setting in zip(np.ravel(figure.subfigures(len(among), 1)), among, strict=True):
        if titled:
            part.suptitle(labels.setting_title(setting, among), fontsize=10, fontweight="bold")
        parts = {name: labels.of_setting(rows, setting).filter(pl.col(by) == name) for name in names}
        headed = titled or by != "method"
        _panels(part, {labels.method_name(name): rows for name, rows in parts.items()}, columns, panel, share, headed)
    return figure


def _panels(
    part: SubFigure, rows: Mapping[str, pl.DataFrame], columns: int, panel: Panel, share: str, headed: bool
) -> None:
    shape = (-(-len(rows) // columns), columns)
    every = part.subplots(*shape, sharex="x" in share, sharey="y" in share, squeeze=False).ravel()
    for place, (axes, (title, own)) in enumerate(zip(every, rows.items(), strict=False)):
        if headed:
            axes.set_title(title)
        if own.is_empty():
            axes.set_axis_off()
            continue
        panel(axes, own)
        axes.tick_params(labelbottom=True)
        if "y" in share and place % shape[1]:
            axes.set_ylabel("")
    for axes in every[len(rows) :]:
        axes.set_axis_off()


def limits(values: Iterable[float | None], logarithmic: bool = False) -> tuple[float, float] | None:
    """The range of the values with some room at both ends; None, for matplotlib's own choice, without any value."""
    known = np.array([value for value in values if value is not None], dtype=float)
    known = known[np.isfinite(known) & ((known > 0) | (not logarithmic))]
    if not known.size:
        return None
    low, high = (np.log(known) if logarithmic else known).min(), (np.log(known) if logarithmic else known).max()
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1
    ends = np.array([low - room, high + room])
    low, high = np.exp(ends) if logarithmic else ends
    return float(low), float(high)


def depth_axes(axes: Axes, blocks: pl.Series, limits: tuple[float, float] | None, label: str) -> None:
    """The axes of a panel along the blocks of a model."""
    axes.set(xlabel="block", ylabel=label, ylim=limits, xlim=(blocks.min() - 0.5, blocks.max() + 0.5))
    axes.xaxis.get_major_locator().set_params(integer=True)


def end_labels(axes: Axes, x: float, ends: Sequence[tuple[float | None, str, str]]) -> None:
    """Names at the right ends of lines, (y, text, colour) each, moved apart where they would overlap."""
    low, high = axes.transData.inverted().transform(axes.transAxes.transform([(0, 0), (0, 1)]))[:, 1]
    scale = np.log if axes.get_yscale() == "log" else np.asarray
    low, high = scale(low), scale(high)
    wanted = sorted(((scale(y) - low) / (high - low), y, text, colour) for y, text, colour in ends if y is not None)
    for place, (_, y, text, colour) in zip(_spread([share for share, *_ in wanted]), wanted, strict=True):
        leader = {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 1, "relpos": (0, 0.5)}
        place = {"xytext": (1.05, place), "textcoords": "axes fraction", "va": "center"}
        axes.annotate(text, (x, y), **place, fontsize=8, color=colour, arrowprops=leader, annotation_clip=False)


def _spread(places: Sequence[float]) -> list[float]:
    """Ascending places within 0 and 1 moved apart, as little as may be, until labels of text do not overlap."""
    gap = min(LABEL_HEIGHT, 1 / max(len(places), 1))
    # Labels that touch form a group, which stands around the mean of its members' wishes.
    groups: list[list[float]] = []
    for place in places:
        groups.append([place])
        while len(groups) > 1 and _lowest(groups[-1], gap) < _lowest(groups[-2], gap) + gap * len(groups[-2]):
            last = groups.pop()
            groups[-1] += last
    return [_lowest(group, gap) + gap * i for group in groups for i in range(len(group))]


def _lowest(group: Sequence[float], gap: float) -> float:
    reach = gap * (len(group) - 1)
    return min(max(sum(group) / len(group) - reach / 2, 0), 1 - reach)


def calibration_line(look: labels.Look) -> dict[str, object]:
    marks = {"marker": look.marker, "markersize": 4, "markeredgecolor": "white", "markeredgewidth": 0.4}
    return {"color": look.colour, "linestyle": look.dashes, "linewidth": 1.6, **marks}


def legend(figure: Figure, handles: Sequence[Line2D], names: Sequence[str]) -> Figure:
    """The figure with a legend below its panels."""
    columns = min(len(names), 2 if figure.get_figwidth() < 8 else 5)
    figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=8, handlelength=3.2)
    return figure
