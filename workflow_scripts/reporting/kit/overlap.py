"""Overlap of masks between floor and ceiling: which pairs are told apart, how they look, and the numbers."""

from collections.abc import Collection, Mapping

import polars as pl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.labels import language_name, many
from workflow_scripts.reporting.kit.tables import Column, Table, make_table

FLOOR, CEILING, OTHER = "#7a7a7a", "#222222", "#c8c8c8"
MOST_COLOURED_PAIRS = 6
Pair = tuple[str, str]


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


def pair_line(pair: Pair | None, told: Mapping[Pair, tuple[str, str]]) -> dict[str, object]:
    """Dashes in the colours of the two languages."""
    if pair not in told:
        return {"color": OTHER, "linewidth": 0.8}
    first, second = told[pair]
    return {"color": first, "gapcolor": second, "linestyle": (0, (4, 4)), "linewidth": 2}


def pair_dot(pair: Pair | None, told: Mapping[Pair, tuple[str, str]]) -> dict[str, object]:
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


def overlap_legend(figure: Figure, rows: pl.DataFrame, told: Mapping[Pair, tuple[str, str]], kind: str) -> Figure:
    make = pair_line if kind == "line" else pair_dot
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


MOST_NAMED = 12


def overlap_lines(overlap: pl.DataFrame, known: Known | None) -> list[tuple[str, pl.DataFrame]]:
    """Name and rows of the ceiling, the pairs (all in one where there are many) and the floor."""
    between = overlap.filter(pl.col("relation") == "between")
    pairs = between.select("calibration_a", "calibration_b").unique()
    named = []
    if pairs.height > MOST_NAMED:
        named = [(f"{pairs.height} pairs of calibrations", between)]
    else:
        for a, b in labels.ranked(pairs, "calibration_a", "calibration_b", kinds=kinds_of(known)).iter_rows():
            rows = between.filter(pl.col("calibration_a") == a, pl.col("calibration_b") == b)
            named.append((f"{language_name(a)} and {language_name(b)}", rows))
    ends = [
        (name, overlap.filter(pl.col("relation") == r)) for name, r in (("ceiling", "same"), ("floor", "magnitude"))
    ]
    return [(name, rows) for name, rows in (ends[0], *named, ends[1]) if rows.height]


def overlap_span(values: pl.Series) -> str:
    low, high = values.min(), values.max()
    if low is None:
        return "unknown"
    return f"{low:.3f}" if f"{low:.3f}" == f"{high:.3f}" else f"{low:.3f} to {high:.3f}"


ENDS = {"same": "ceiling", "magnitude": "floor"}


def overlap_words(rows: pl.DataFrame, title: str, told: Collection[tuple[str, str]]) -> str:
    """All overlaps of one block or linear, of pairs that are not told apart the range."""
    lines = [title]
    for relation in ("same", "between", "magnitude"):
        own = rows.filter(pl.col("relation") == relation).sort("iou", descending=True)
        if relation in ENDS:
            lines += [f"{ENDS[relation]} {_range(own['iou'])}"] if own.height else []
            continue
        pairs = own.select("calibration_a", "calibration_b", "iou").rows()
        lines += [f"{a} and {b} {iou:.4f}" for a, b, iou in pairs if (a, b) in told]
        others = pl.Series([iou for a, b, iou in pairs if (a, b) not in told], dtype=pl.Float64)
        lines += [f"{many(len(others), 'other pair')} {_range(others)}"] if len(others) else []
    return "\n".join(lines)


def _range(values: pl.Series) -> str:
    low, high = values.min(), values.max()
    return f"{low:.4f}" if low == high else f"{low:.4f} to {high:.4f}"


OVERLAP_ENDS = {"magnitude": "floor", "between": "between calibrations", "same": "ceiling"}


def overlap_table(overlap: pl.DataFrame, by: str) -> Table:
    """Overlap by "block" or "module": floor, between calibrations and ceiling, each pooled over calibrations."""
    keys = [*labels.CALIBRATION_SETTING, "method", by]
    order = {name: i for i, name in enumerate(labels.module_order(overlap["module"]) if by == "module" else [])}
    iou = pl.col("intersection").sum() / pl.col("union").sum()
    pools = overlap.group_by(*keys, "relation").agg(iou=iou).sort(*keys, "relation")
    rows = [
        {key: group[key][0] for key in keys} | dict(group.select("relation", "iou").iter_rows())
        for group in pools.partition_by(keys, maintain_order=True)
    ]
    rows.sort(key=lambda row: [row[key] for key in keys[:-1]] + [order.get(row[by], row[by])])
    columns = [Column("method", "method", labels.method_name), Column("linear" if by == "module" else by, by)]
    columns += [Column(heading, relation, "{:.3f}".format) for relation, heading in OVERLAP_ENDS.items()]
    caption = f"Overlap of masks by {columns[1].heading}"
    return make_table(f"{by}s", caption, rows, columns, labels.CALIBRATION_SETTING)
