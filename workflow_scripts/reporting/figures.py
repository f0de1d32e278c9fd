"""The figures of a study: functions from tables to matplotlib Figures; no global state, equal bytes every time."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from workflow_scripts.artifacts import replacing
from workflow_scripts.reporting import labels

STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "polyprune",
}
# A user's own matplotlibrc must not change an artifact.
_styled = style.context(["default", STYLE])
COLOUR_MAP = matplotlib.colormaps["viridis_r"]
FLOOR, CEILING, OTHER = "#8a8a8a", "#222222", "#c8c8c8"
MOST_COLOURED_PAIRS = 6
NARROWEST, WIDEST = 6.4, 13.0
DOTS_PER_INCH = 150
# Twice the best perplexity takes the darkest colour: beyond that, differences do not matter to the choice.
DARKEST_EXCESS = 100.0

Panel = Callable[[Axes, pl.DataFrame], None]


@_styled
def heat_maps(mean_matrix: pl.DataFrame) -> Figure:
    """Calibration x evaluation: one panel per method, the ratio of perplexity to the dense model's in each cell.

    Colour is the excess in per cent over the best calibration of that column, because ratios of different languages do
    not compare; a frame marks the calibration in the evaluated language, bold type the best of a column.
    """
    calibrated, magnitude = _calibrated(mean_matrix), mean_matrix.filter(pl.col("method") == "magnitude")
    if calibrated.is_empty():
        return _nothing("No calibrated variant was measured.")
    languages = labels.in_order(calibrated["language"])
    rows = labels.in_order(calibrated["calibration"]) + [labels.NO_TEXT] * bool(len(magnitude))
    norm = Normalize(0, np.clip(_excess(calibrated)["excess"].max(), 1, DARKEST_EXCESS))

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        same = {key: part[key][0] for key in ("model", "pattern", "corpus")}
        for cell in _excess(part).iter_rows(named=True):
            _cell(axes, languages.index(cell["language"]), rows.index(cell["calibration"]), cell, norm)
        for cell in _over_best(labels.of_setting(magnitude, same), part).iter_rows(named=True):
            _cell(axes, languages.index(cell["language"]), len(rows) - 1, cell, norm)
        _matrix_axes(axes, rows, languages)

    size = (max(0.56 * len(languages) + 1.4, 3.2), 0.34 * len(rows) + 1.5)
    figure = _grid(calibrated, labels.EVALUATION_SETTING, size, panel, share="xy")
    bar = ScalarMappable(norm, COLOUR_MAP)
    title = "perplexity above the best calibration for that language (%)"
    for part in figure.subfigs:
        part.colorbar(bar, ax=part.axes, location="bottom", shrink=0.5, aspect=40, extend="max", label=title)
    return figure


@_styled
def effect_intervals(effects: pl.DataFrame) -> Figure:
    """Loss of the own-language calibration minus the reference's, with 95 % intervals; hollow: no interval."""
    reference = labels.reference_of(effects)
    if reference is None:
        return _nothing("One calibration language only: there is nothing to compare.")
    rows = labels.headline(effects)
    colours = labels.colours([*effects["own"], *effects["other"]])
    languages = labels.in_order(rows["own"])

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        axes.axvline(0, color="black", linewidth=0.8)
        for own, difference, low, high in part.select("own", "difference", "low", "high").iter_rows():
            place, colour = languages.index(own), colours[own]
            if low is not None:
                axes.plot([low, high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round")
            axes.plot(difference, place, "o", color=colour, markerfacecolor="white" if low is None else colour)
        axes.set_yticks(range(len(languages)), [labels.with_code(name) for name in languages])
        axes.set_ylim(len(languages) - 0.5, -0.5)
        axes.grid(axis="x", color="#e5e5e5", linewidth=0.6)
        axes.xaxis.get_major_locator().set_params(nbins=6)
        axes.set_axisbelow(True)

    figure = _grid(rows, labels.EVALUATION_SETTING, (3.9, 0.36 * len(languages) + 0.8), panel, share="xy")
    name = labels.language_name(reference)
    axis = f"{labels.units(rows)}, own language minus {name} (left of the line: own language is better)"
    figure.supxlabel(axis, fontsize=9)
    return figure


@_styled
def overlap_by_block(by_block: pl.DataFrame) -> Figure:
    """Overlap of masks along the depth of the model: a line per pair of calibrations, between floor and ceiling."""
    if by_block.is_empty():
        return _nothing("There are no two masks to compare.")
    colours = _pair_colours(by_block)

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        for relation, colour, dashes in (("magnitude", FLOOR, ":"), ("same", CEILING, "-")):
            _band(axes, part.filter(pl.col("relation") == relation), colour, dashes)
        between = part.filter(pl.col("relation") == "between").sort("calibration_a", "calibration_b", "block")
        # Grey lines first, so that they lie below.
        pairs = between.partition_by("calibration_a", "calibration_b", as_dict=True, maintain_order=True)
        for pair, line in sorted(pairs.items(), key=lambda item: (item[0] in colours, item[0])):
            axes.plot(line["block"], line["iou"], **_pair_line(colours.get(pair)))
        axes.set_xlabel("block")
        axes.set_ylabel("intersection over union")
        axes.xaxis.get_major_locator().set_params(integer=True)

    figure = _grid(by_block, labels.CALIBRATION_SETTING, (4.2, 2.9), panel, share="y")
    return _overlap_legend(figure, by_block, colours, "line")


@_styled
def overlap_by_module(by_module: pl.DataFrame) -> Figure:
    """Overlap of masks per linear of a block: a dot per pair of calibrations on a bar from floor to ceiling."""
    if by_module.is_empty():
        return _nothing("There are no two masks to compare.")
    colours = _pair_colours(by_module)
    modules = labels.module_order(by_module["module"])

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        for place, module in enumerate(modules):
            rows = part.filter(pl.col("module") == module)
            ends = [rows.filter(pl.col("relation") == r)["iou"].mean() for r in ("magnitude", "same")]
            if None not in ends:
                axes.plot(ends, [place, place], color="#e3e3e3", linewidth=7, solid_capstyle="butt", zorder=1)
            for end, colour in zip(ends, (FLOOR, CEILING), strict=True):
                if end is not None:
                    axes.plot(end, place, "|", color=colour, markersize=11, markeredgewidth=2, zorder=2)
            between = rows.filter(pl.col("relation") == "between").sort("calibration_a", "calibration_b")
            for a, b, iou in between.select("calibration_a", "calibration_b", "iou").iter_rows():
                axes.plot(iou, place, zorder=4 if (a, b) in colours else 3, **_pair_dot(colours.get((a, b))))
        axes.set_yticks(range(len(modules)), [m.removeprefix("self_attn.").removeprefix("mlp.") for m in modules])
        axes.set_ylim(len(modules) - 0.5, -0.5)
        axes.set_xlabel("intersection over union")

    figure = _grid(by_module, labels.CALIBRATION_SETTING, (4.2, 0.3 * len(modules) + 0.9), panel, share="xy")
    return _overlap_legend(figure, by_module, colours, "dot")


def draw(tables: Mapping[str, pl.DataFrame]) -> dict[str, Figure]:
    """All figures of a study by name, from the tables of `analysis.tables.analyse`."""
    return {
        "matrix": heat_maps(tables["mean_matrix"]),
        "effects": effect_intervals(tables["effects"]),
        "overlap_by_block": overlap_by_block(tables["overlap_by_block"]),
        "overlap_by_module": overlap_by_module(tables["overlap_by_module"]),
    }


@_styled
def save(figure: Figure, path: Path) -> None:
    """Write `path`.svg (text as outlines, so that it looks alike everywhere) and `path`.png; both without a date."""
    for suffix, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
        with replacing(path.with_name(f"{path.name}.{suffix}")) as temporary:
            figure.savefig(temporary, format=suffix, metadata=metadata, dpi=DOTS_PER_INCH)


def _calibrated(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.col("calibration") != labels.NO_TEXT)


def _nothing(sentence: str) -> Figure:
    figure = Figure(figsize=(6, 0.8))
    figure.text(0.5, 0.5, sentence, ha="center", va="center")
    return figure


def _grid(rows: pl.DataFrame, keys: list[str], size: tuple[float, float], panel: Panel, share: str = "") -> Figure:
    """A row of panels per setting, one panel per method; `size` is a panel's in inches, `share` "x", "y" or both."""
    methods = sorted(set(rows["method"]))
    columns = min(len(methods), max(1, int(WIDEST // size[0])))
    lines = -(-len(methods) // columns)
    among = labels.settings(rows, keys)
    figure = Figure(figsize=(max(size[0] * columns + 0.4, NARROWEST), (size[1] * lines + 0.35) * len(among) + 0.75))
    figure.get_layout_engine().set(wspace=0.04)
    for part, setting in zip(np.ravel(figure.subfigures(len(among), 1)), among, strict=True):
        part.suptitle(labels.setting_title(setting, among), fontsize=10, fontweight="bold")
        _panels(part, labels.of_setting(rows, setting), methods, (lines, columns), panel, share)
    return figure


def _panels(
    part: SubFigure, rows: pl.DataFrame, methods: list[str], shape: tuple[int, int], panel: Panel, share: str
) -> None:
    every = part.subplots(*shape, sharex="x" in share, sharey="y" in share, squeeze=False).ravel()
    for place, (axes, method) in enumerate(zip(every, methods, strict=False)):
        axes.set_title(labels.method_name(method))
        panel(axes, rows.filter(pl.col("method") == method))
        axes.tick_params(labelbottom=True)
        if "y" in share and place % shape[1]:
            axes.set_ylabel("")
    for axes in every[len(methods) :]:
        axes.set_axis_off()


def _excess(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with `excess`: perplexity above the best calibration's of the same language and method, per cent."""
    best = pl.col("ratio_to_dense").min().over(*labels.EVALUATION_SETTING, "method", "language")
    return rows.with_columns(excess=100 * (pl.col("ratio_to_dense") / best - 1), best=pl.col("ratio_to_dense") == best)


def _over_best(magnitude: pl.DataFrame, calibrated: pl.DataFrame) -> pl.DataFrame:
    """Magnitude's cells with their excess over the best calibrated cell of the same language."""
    best = calibrated.group_by("language").agg(pl.col("ratio_to_dense").min().alias("lowest"))
    excess = 100 * (pl.col("ratio_to_dense") / pl.col("lowest") - 1)
    return magnitude.join(best, on="language").with_columns(excess=excess, best=pl.lit(False)).sort("language")


def _cell(axes: Axes, x: int, y: int, cell: Mapping[str, Any], norm: Normalize) -> None:
    colour = COLOUR_MAP(norm(np.clip(cell["excess"], norm.vmin, norm.vmax)))
    ink = "white" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < 0.5 else "black"
    weight = "bold" if cell["best"] else "normal"
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=1.5))
    axes.text(x, y, _short(cell["ratio_to_dense"]), ha="center", va="center", color=ink, weight=weight)
    if cell["calibration"] == cell["language"]:
        axes.add_patch(Rectangle((x - 0.44, y - 0.42), 0.88, 0.84, fill=False, edgecolor=ink))


def _matrix_axes(axes: Axes, rows: list[str], languages: list[str]) -> None:
    names = ["magnitude (no text)" if name == labels.NO_TEXT else labels.with_code(name) for name in rows]
    axes.set_xticks(range(len(languages)), languages)
    axes.set_yticks(range(len(rows)), names)
    axes.set(xlim=(-0.5, len(languages) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axes.set(xlabel="evaluated in", ylabel="calibrated in")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _short(ratio: float) -> str:
    if ratio >= 10_000:
        return ">9999"
    return f"{ratio:.{2 if ratio < 10 else 1 if ratio < 100 else 0}f}"


def _pair_colours(rows: pl.DataFrame) -> dict[tuple[str, str], tuple[str, str]]:
    """Two colours for each pair that is told apart: all when few, else those with the reference language."""
    between = rows.filter(pl.col("relation") == "between")
    pairs = between.select("calibration_a", "calibration_b").unique().sort("calibration_a", "calibration_b").rows()
    if len(pairs) > MOST_COLOURED_PAIRS:
        pairs = [pair for pair in pairs if labels.REFERENCE in pair]
    colour = labels.colours(rows["calibration_a"].to_list() + between["calibration_b"].to_list())
    return {(a, b): (colour[a], colour[b]) for a, b in pairs}


def _pair_line(pair: tuple[str, str] | None) -> dict[str, object]:
    if pair is None:
        return {"color": OTHER, "linewidth": 0.8}
    return {"color": pair[0], "gapcolor": pair[1], "linestyle": (0, (4, 4)), "linewidth": 2}


def _pair_dot(pair: tuple[str, str] | None) -> dict[str, object]:
    common = {"marker": "o", "linestyle": "none", "markersize": 8, "markeredgecolor": "white"}
    if pair is None:
        return common | {"markerfacecolor": OTHER, "markersize": 5}
    return common | {"fillstyle": "left", "markerfacecolor": pair[0], "markerfacecoloralt": pair[1]}


def _band(axes: Axes, rows: pl.DataFrame, colour: str, dashes: str) -> None:
    """Mean over calibrations as a line, from the lowest to the highest as a band."""
    lines = (
        rows.group_by("block").agg(low=pl.col("iou").min(), mean=pl.col("iou").mean(), high=pl.col("iou").max())
    ).sort("block")
    if len(lines):
        axes.fill_between(lines["block"], lines["low"], lines["high"], color=colour, alpha=0.2, linewidth=0)
        axes.plot(lines["block"], lines["mean"], color=colour, linestyle=dashes, linewidth=1.6)


def _overlap_legend(figure: Figure, rows: pl.DataFrame, colours: dict, kind: str) -> Figure:
    make = _pair_line if kind == "line" else _pair_dot
    entries: list[tuple[Line2D | Patch, str]] = []
    relations = set(rows["relation"])
    for relation, colour, dashes, name in (
        ("same", CEILING, "-", "ceiling: same language, other texts"),
        ("magnitude", FLOOR, ":", "floor: against magnitude, no text"),
    ):
        if relation in relations:
            tick = {"linestyle": dashes} if kind == "line" else {"marker": "|", "linestyle": "none", "markersize": 11}
            entries.append((Line2D([], [], color=colour, markeredgewidth=2, **tick), name))
    entries += [(Line2D([], [], **make(pair)), f"{a} and {b}") for (a, b), pair in colours.items()]
    pairs = rows.filter(pl.col("relation") == "between").select("calibration_a", "calibration_b").n_unique()
    if pairs > len(colours):
        entries.append((Line2D([], [], **make(None)), "other pairs of languages"))
    columns = min(len(entries), 2 if figure.get_figwidth() < 8 else 5)
    handles, names = zip(*entries, strict=True)
    figure.legend(handles, names, loc="outside lower center", ncols=columns, fontsize=8, handlelength=3.2)
    return figure
