"""The figures of a study: functions from tables to matplotlib Figures; no global state, equal bytes every time.

The report shows each setting and method by itself: a figure function then gets its rows, and `among`, the table whose
axes and reference language they share; titles are left to the page.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator

from workflow_scripts.analysis.tasks import POINTS
from workflow_scripts.artifacts.files import replacing
from workflow_scripts.reporting import drawing, heat, inside_figures, labels, tooltips, tree
from workflow_scripts.reporting.baselines import comparisons, relevant
from workflow_scripts.reporting.calibrations import Known, kinds_of
from workflow_scripts.reporting.svg import describe_mark, styled, svg_text

FLOOR, CEILING, OTHER = "#7a7a7a", "#222222", "#c8c8c8"
MOST_COLOURED_PAIRS = 6
DOTS_PER_INCH = 150
ERRORS = {"local_error": "local error", "path_error": "path error"}

Pair = tuple[str, str]


@styled
def heat_maps(mean_matrix: pl.DataFrame, known: Known | None = None) -> Figure:
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
            _interval(axes, languages.index(row["own"]), row, known)
        axes.set_yticks(range(len(languages)), [labels.with_code(name) for name in languages])
        _interval_axes(axes, len(languages), limits)

    size = (3.9, 0.3 * len(languages) + 0.7)
    figure = drawing.grid(rows, labels.EVALUATION_SETTING, size, panel, share="xy", titled=among is None)
    name = labels.language_name(reference)
    figure.supxlabel(f"{labels.losses(rows)}, own language minus {name}\n(left of the line: own is better)", fontsize=9)
    return figure


@styled
def regrets(best: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None) -> Figure:
    """What each calibration costs in each language: regret with its 95 % interval, a band of lines per evaluated language.

    A hollow mark cannot be told from the best calibration, a filled one is worse. Random tokens are left out of the scale:
    where they lie beyond it, their regret stands at the edge.
    """
    if best["calibration"].n_unique() < 2:
        return drawing.nothing("One calibration only: there is nothing to choose from.")
    kinds = kinds_of(known)
    every = best if among is None else among
    noise = [name for name, made in (known or {}).items() if made.control == "random"]
    scaled = every.filter(~pl.col("calibration").is_in(noise))
    limits = drawing.limits([0, *scaled["regret"], *scaled["low"], *scaled["high"]])
    languages, names = labels.in_order(best["language"]), labels.in_order(best["calibration"], kinds)

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        axes.axvline(0, color="black", linewidth=0.8)
        for row in part.iter_rows(named=True):
            step = (names.index(row["calibration"]) + 1) / (len(names) + 1) - 0.5
            _regret(axes, languages.index(row["language"]) + step, row, limits, known)
        for border in range(1, len(languages)):
            axes.axhline(border - 0.5, color="#e5e5e5", linewidth=0.8)
        axes.set_yticks(range(len(languages)), [labels.with_code(name) for name in languages])
        axes.tick_params(axis="y", length=0)
        _interval_axes(axes, len(languages), limits)
        axes.set_xlabel(f"regret in {labels.units(best)}")

    size = (4.2, (0.11 * len(names) + 0.16) * len(languages) + 0.7)
    figure = drawing.grid(best, labels.EVALUATION_SETTING, size, panel, share="xy", titled=among is None)
    # Controls share a colour: their names stand beside them.
    told = [name for name in names if labels.kind_of(name, kinds) != "control"]
    handles = [
        Line2D([], [], **drawing.calibration_line(labels.look(name, kinds)) | {"linestyle": "none"}) for name in told
    ]
    hollow = Line2D([], [], marker="o", color="black", markerfacecolor="white", markersize=4, linestyle="none")
    words = "hollow: not told apart from the best"
    return drawing.legend(figure, [*handles, hollow], [*map(labels.with_code, told), words])


@styled
def baseline_intervals(
    baselines: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None
) -> Figure:
    """Loss of the own-language calibration minus each mixture's and control's, grouped by what it is compared with."""
    known = known or {}
    shown = relevant(baselines, known)
    if shown.is_empty():
        return drawing.nothing("No mixture or control to compare an own language with.")
    every = shown if among is None else relevant(among, known)
    limits = drawing.limits([0, *every["difference"], *every["low"], *every["high"]])
    lines = _baseline_lines(shown, known)

    def panel(axes: Axes, part: pl.DataFrame) -> None:
        axes.axvline(0, color="black", linewidth=0.8)
        found = {(row["own"], row["other"]): row for row in part.iter_rows(named=True)}
        for place, (_, pair) in enumerate(lines):
            if pair in found:
                _interval(axes, place, found[pair], known)
        axes.set_yticks(range(len(lines)), [text for text, _ in lines])
        _interval_axes(axes, len(lines), limits)
        axes.tick_params(axis="y", length=0)
        # Panels that share an axis share its ticks, and only the first has words at them.
        for text, (_, pair) in zip(axes.get_yticklabels(), lines, strict=False):
            text.set_fontweight("normal" if pair else "bold")

    size = (4.8, 0.27 * len(lines) + 0.7)
    figure = drawing.grid(shown, labels.EVALUATION_SETTING, size, panel, share="xy", titled=among is None)
    label = f"{labels.units(shown)}, own language minus baseline\n(left of the line: own is better)"
    figure.supxlabel(label, fontsize=9)
    return figure


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
            axes.plot(line["block"], line["iou"], **_pair_line(pair, told))
        ends = [(pairs[pair]["iou"][-1], f"{pair[0]} and {pair[1]}", "#333333") for pair in told if pair in pairs]
        drawing.depth_axes(axes, part["block"], limits, "intersection over union")
        drawing.end_labels(axes, part["block"].max(), ends)
        for block in sorted(set(part["block"])):
            text = tooltips.overlap(part.filter(pl.col("block") == block), f"block {block}", told)
            describe_mark(axes.axvspan(block - 0.5, block + 0.5, alpha=0, zorder=9), text)

    figure = drawing.grid(by_block, labels.CALIBRATION_SETTING, (4.6, 2.9), panel, share="y", titled=among is None)
    return _overlap_legend(figure, by_block, told, "line")


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
                axes.plot(iou, place, zorder=4 if (a, b) in told else 3, **_pair_dot((a, b), told))
            text = tooltips.overlap(rows, labels.module_name(module), told)
            describe_mark(axes.axhspan(place - 0.5, place + 0.5, alpha=0, zorder=9), text)
        axes.set_yticks(range(len(modules)), [labels.module_name(module) for module in modules])
        axes.set(ylim=(len(modules) - 0.5, -0.5), xlim=limits, xlabel="intersection over union")

    size = (4.2, 0.3 * len(modules) + 0.9)
    figure = drawing.grid(by_module, labels.CALIBRATION_SETTING, size, panel, share="xy", titled=among is None)
    return _overlap_legend(figure, by_module, told, "dot")


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
            text = tooltips.error(part.filter(pl.col("block") == block), block, measure, kinds)
            describe_mark(axes.axvspan(block - 0.5, block + 0.5, alpha=0, zorder=9), text)

    figure = drawing.grid(
        rows, labels.CALIBRATION_SETTING, (4.6, 2.5), panel, by="panel", titled=among is None, columns=len(methods)
    )
    names = labels.in_order(errors["calibration"], kinds)
    handles = [Line2D([], [], **drawing.calibration_line(labels.look(name, kinds))) for name in names]
    return drawing.legend(figure, handles, [labels.with_code(name) for name in names])


@styled
def margin_intervals(
    cloze_effects: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None
) -> Figure:
    """As `effect_intervals`, for the margin of cloze items."""
    if labels.headline(cloze_effects, kinds_of(known)).is_empty():
        return drawing.nothing("Nothing to compare where the dense model beats chance.")
    return effect_intervals(cloze_effects, among, known)


def of_accuracy(task_effects: pl.DataFrame) -> pl.DataFrame:
    """The rows in points of accuracy, of single languages."""
    return task_effects.filter(pl.col("unit") == POINTS, ~pl.col("pooled"))


@styled
def accuracy_intervals(
    task_effects: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None
) -> Figure:
    """As `effect_intervals`, for the accuracy in tasks."""
    rows = of_accuracy(task_effects)
    if labels.headline(rows, kinds_of(known)).is_empty():
        return drawing.nothing("Nothing to compare where the dense model beats chance.")
    return effect_intervals(rows, among, known)


def draw(tables: Mapping[str, pl.DataFrame], known: Known | None = None) -> dict[str, Figure]:
    """All figures of a study by name, from the tables of `analysis.tables.analyse`; `known` says what calibrations are."""
    cloze, tasks = tables.get("cloze_effects"), tables.get("task_effects")
    return {
        **({} if cloze is None else {"cloze_effects": margin_intervals(cloze, known=known)}),
        **({} if tasks is None else {"task_effects": accuracy_intervals(tasks, known=known)}),
        "matrix": heat_maps(tables["mean_matrix"], known),
        "best_calibration": regrets(tables["best_calibration"], known=known),
        "effects": effect_intervals(tables["effects"], known=known),
        "divergence_effects": effect_intervals(tables["divergence_effects"], known=known),
        "baselines": baseline_intervals(tables["baselines"], known=known),
        "mask_clusters": tree.mask_clusters(tables["mask_clusters"], known=known),
        "overlap_by_block": overlap_by_block(tables["overlap_by_block"], known=known),
        "overlap_by_module": overlap_by_module(tables["overlap_by_module"], known=known),
        "error_by_block": error_by_block(tables["error_by_block"], known=known),
        **{
            name: make(inside_figures.shown(name, tables[name]), known=known)
            for name, make in inside_figures.FIGURES.items()
            if name in tables
        },
    }


@styled
def save(figure: Figure, path: Path) -> None:
    """Write `path`.svg (text as outlines, so that it looks alike everywhere) and `path`.png; both without a date."""
    with replacing(path.with_name(f"{path.name}.svg")) as temporary:
        temporary.write_text(svg_text(figure), encoding="utf-8")
    with replacing(path.with_name(f"{path.name}.png")) as temporary:
        figure.dpi = DOTS_PER_INCH
        FigureCanvasAgg(figure).print_png(temporary, metadata={"Software": None})


def told_apart(rows: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> dict[Pair, tuple[str, str]]:
    """The pairs of calibrations that a figure tells apart, with the colours of the two.

    All pairs when they are few, else those of two languages, and when these are many, those with the reference language.
    """
    between = rows.filter(pl.col("relation") == "between").select("calibration_a", "calibration_b").unique()
    pairs = labels.ranked(between, "calibration_a", "calibration_b", kinds=kinds).rows()
    if len(pairs) > MOST_COLOURED_PAIRS:
        pairs = [pair for pair in pairs if all(labels.kind_of(name, kinds) == "language" for name in pair)]
    if len(pairs) > MOST_COLOURED_PAIRS:
        pairs = [pair for pair in pairs if labels.REFERENCE in pair]
    return {pair: tuple(labels.look(name, kinds).colour for name in pair) for pair in pairs}


def _interval(axes: Axes, place: int, row: Mapping[str, Any], known: Known | None) -> None:
    """A difference with its interval, in the look of the own language; hollow without one."""
    look = labels.look(row["own"])
    if row["low"] is not None:
        axes.plot([row["low"], row["high"]], [place] * 2, color=look.colour, linewidth=2.2)
    face = "white" if row["low"] is None else look.colour
    axes.plot(row["difference"], place, look.marker, color=look.colour, markersize=7, markerfacecolor=face)
    describe_mark(axes.axhspan(place - 0.5, place + 0.5, alpha=0, zorder=9), tooltips.effect(row, known))


def _regret(
    axes: Axes, place: float, row: Mapping[str, Any], limits: tuple[float, float] | None, known: Known | None
) -> None:
    """A regret with its interval, in the look of its calibration; beyond the limits, as a number at the edge."""
    look = labels.look(row["calibration"], kinds_of(known))
    told = tooltips.regret(row, known)
    if limits and row["regret"] > limits[1]:
        words = f"{row['calibration']} {labels.signed(row['regret'], 2)} \N{RIGHTWARDS ARROW}"
        note = axes.text(limits[1], place, words, color=look.colour, fontsize=7, ha="right", va="center")
        describe_mark(note, told)
        return
    if row["low"] is not None:
        axes.plot([row["low"], row["high"]], [place] * 2, color=look.colour, linewidth=1.2, alpha=0.7)
    face = look.colour if row["among_best"] is False else "white"
    [mark] = axes.plot(row["regret"], place, look.marker, color=look.colour, markersize=5, markerfacecolor=face)
    describe_mark(mark, told)
    if labels.kind_of(row["calibration"], kinds_of(known)) == "control":
        beside = row["regret"] if row["high"] is None else row["high"]
        axes.annotate(
            row["calibration"],
            (beside, place),
            (4, 0),
            textcoords="offset points",
            color=look.colour,
            fontsize=7,
            va="center",
        )


def _interval_axes(axes: Axes, lines: int, limits: tuple[float, float] | None) -> None:
    axes.set(ylim=(lines - 0.5, -0.5), xlim=limits)
    axes.grid(axis="x", color="#e5e5e5", linewidth=0.6)
    axes.xaxis.get_major_locator().set_params(nbins=6)
    axes.set_axisbelow(True)


def _baseline_lines(baselines: pl.DataFrame, known: Known) -> list[tuple[str, Pair | None]]:
    """Label and pair (own, other) of every line: a heading, without a pair, for each comparison, then its languages."""
    lines: list[tuple[str, Pair | None]] = []
    for comparison in comparisons(baselines, known):
        pairs = list(dict.fromkeys(comparison.rows.select("own", "other").iter_rows()))
        several = not comparison.of_one
        lines.append((comparison.name.removeprefix("the ").removesuffix(" of it"), None))
        lines += [(f"{labels.language_name(own)} ({other if several else own})", (own, other)) for own, other in pairs]
    return lines


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


def _pair_line(pair: Pair | None, told: Mapping[Pair, tuple[str, str]]) -> dict[str, object]:
    """Dashes in the colours of the two languages."""
    if pair not in told:
        return {"color": OTHER, "linewidth": 0.8}
    first, second = told[pair]
    return {"color": first, "gapcolor": second, "linestyle": (0, (4, 4)), "linewidth": 2}


def _pair_dot(pair: Pair | None, told: Mapping[Pair, tuple[str, str]]) -> dict[str, object]:
    """A mark in the colours of the two languages, of a shape for each pair."""
    if pair not in told:
        return {"marker": "o", "linestyle": "none", "markersize": 5, "markeredgecolor": "white", "color": OTHER}
    first, second = told[pair]
    shape = {
        "marker": labels.MARKERS[list(told).index(pair) % len(labels.MARKERS)],
        "fillstyle": "left",
        "markersize": 8,
    }
    edge = {"markeredgecolor": "white", "markeredgewidth": 0.6, "linestyle": "none"}
    return {**shape, **edge, "markerfacecolor": first, "markerfacecoloralt": second}


def _bar(axes: Axes, place: int, rows: pl.DataFrame) -> None:
    """From floor to ceiling, as far as they were measured."""
    ends = [rows.filter(pl.col("relation") == relation)["iou"].mean() for relation in ("magnitude", "same")]
    if None not in ends:
        axes.plot(ends, [place, place], color="#e3e3e3", linewidth=7, solid_capstyle="butt", zorder=1)
    for end, colour in zip(ends, (FLOOR, CEILING), strict=True):
        if end is not None:
            axes.plot(end, place, "|", color=colour, markersize=11, markeredgewidth=2, zorder=2)


def _band(axes: Axes, rows: pl.DataFrame, colour: str, dashes: str) -> None:
    """Mean over calibrations as a line, from the lowest to the highest as a band."""
    lines = (
        rows.group_by("block").agg(low=pl.col("iou").min(), mean=pl.col("iou").mean(), high=pl.col("iou").max())
    ).sort("block")
    if len(lines):
        axes.fill_between(lines["block"], lines["low"], lines["high"], color=colour, alpha=0.2, linewidth=0)
        axes.plot(lines["block"], lines["mean"], color=colour, linestyle=dashes, linewidth=1.6)


def _overlap_legend(figure: Figure, rows: pl.DataFrame, told: Mapping[Pair, tuple[str, str]], kind: str) -> Figure:
    make = _pair_line if kind == "line" else _pair_dot
    entries: list[tuple[Line2D, str]] = []
    relations = set(rows["relation"])
    for relation, colour, dashes, name in (
        ("same", CEILING, "-", "ceiling: same language, other texts"),
        ("magnitude", FLOOR, ":", "floor: against magnitude, no text"),
    ):
        if relation in relations:
            tick = {"linestyle": dashes} if kind == "line" else {"marker": "|", "linestyle": "none", "markersize": 11}
            entries.append((Line2D([], [], color=colour, markeredgewidth=2, **tick), name))
    entries += [(Line2D([], [], **make(pair, told)), f"{pair[0]} and {pair[1]}") for pair in told]
    pairs = rows.filter(pl.col("relation") == "between").select("calibration_a", "calibration_b").n_unique()
    if pairs > len(told):
        entries.append((Line2D([], [], **make(None, told)), "other pairs of calibrations"))
    handles, names = zip(*entries, strict=True)
    return drawing.legend(figure, handles, names)
