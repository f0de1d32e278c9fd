"""The tables of the report as text: what a cell shows and by what it sorts."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import polars as pl

from workflow_scripts.reporting import labels

MISSING = "–"
OVERLAP_ENDS = {"magnitude": "floor", "between": "between languages", "same": "ceiling"}


class Cell(NamedTuple):
    """What is shown, what it sorts by, and whether it is a number (set to the right)."""

    text: str
    value: str | float | int
    number: bool


class Column(NamedTuple):
    """A column's heading, the field of a row that it shows, and how; `sort`: part of a composed field to sort by."""

    heading: str
    field: str
    form: Callable[[Any], str] = str
    sort: str = ""


class Table(NamedTuple):
    """A table ready for the template; each row starts with a heading cell."""

    caption: str
    headings: list[str]
    rows: list[list[Cell]]


def matrix_table(mean_matrix: pl.DataFrame) -> Table:
    """Ratio to the dense model, one row per method and calibration, one column per evaluated language."""
    pruned = mean_matrix.filter(pl.col("method") != "dense")
    languages = labels.in_order(pruned["language"])
    keys = ["model", "pattern", "corpus", "method", "sample", "propagation", "calibration"]
    rows = []
    for group in pruned.sort(*keys, "language").partition_by(keys, maintain_order=True):
        cells = {row["language"]: row for row in group.iter_rows(named=True)}
        rows.append({key: group[key][0] for key in keys} | cells)
    columns = [Column("method", "method", labels.method_name), Column("calibrated in", "calibration", _calibration)]
    columns += [
        Column(labels.with_code(language), language, _ratio_and_span, "ratio_to_dense") for language in languages
    ]
    caption = "Perplexity over the dense model's, mean over seeds (lowest to highest seed)"
    return _table(caption, rows, columns, labels.EVALUATION_SETTING)


def variants_table(mean_matrix: pl.DataFrame) -> Table:
    """Every variant in every language in all units, the dense model included."""
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibrated in", "calibration", _calibration),
        Column("evaluated in", "language", labels.with_code),
        Column("seeds", "seeds"),
        Column(f"{labels.texts(mean_matrix)}s", "documents"),
        Column("perplexity", "perplexity", "{:,.2f}".format),
        Column("bits per byte", "bits_per_byte", "{:.3f}".format),
        Column("over dense", "ratio_to_dense", _ratio),
    ]
    caption = "All variants, means over seeds"
    return _table(caption, mean_matrix.to_dicts(), columns, labels.EVALUATION_SETTING)


def effects_table(effects: pl.DataFrame, caption: str) -> Table:
    """Own-language calibration minus another one, with interval, p-values and share of the pruning loss."""
    rows = [row | {"interval": row, "agreeing": row} for row in effects.iter_rows(named=True)]
    columns = [
        Column("method", "method", labels.method_name),
        Column("own language", "own", labels.with_code),
        Column("against", "other", labels.with_code),
        Column(f"difference ({labels.units(effects)})", "difference", labels.signed),
        Column("95 % interval", "interval", _interval, "low"),
        Column("p", "p_value", _probability),
        Column("p (Holm)", "p_holm", _probability),
        Column("share of pruning loss", "relative", labels.percent),
        Column(f"own better on {labels.texts(effects)}s", "agreeing", _agreeing, "documents_better"),
        Column("seeds", "seeds"),
    ]
    return _table(caption, rows, columns, labels.EVALUATION_SETTING)


def best_table(best: pl.DataFrame) -> Table:
    """Regret of each calibration, per evaluated language."""
    keys = [*labels.EVALUATION_SETTING, "method", "language", "best"]
    rows = [
        {key: group[key][0] for key in keys} | dict(group.select("calibration", "regret").iter_rows())
        for group in best.sort(*keys, "calibration").partition_by(keys, maintain_order=True)
    ]
    columns = [
        Column("method", "method", labels.method_name),
        Column("evaluated in", "language", labels.with_code),
        Column("best calibration", "best", labels.with_code),
    ]
    columns += [Column(f"loss with {name}", name, "{:.3f}".format) for name in labels.in_order(best["calibration"])]
    lost = f"{labels.capital(labels.units(best))} lost against the best calibration"
    caption = f"{lost} (optimistic: chosen on the {labels.texts(best)}s that judge it)"
    return _table(caption, rows, columns, labels.EVALUATION_SETTING)


def positions_table(positions: pl.DataFrame) -> Table:
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
    return _table("Overlap of masks by pair", positions.to_dicts(), columns, labels.CALIBRATION_SETTING)


def overlap_table(overlap: pl.DataFrame, by: str) -> Table:
    """Overlap by "block" or "module": floor, between languages and ceiling, each pooled over calibrations."""
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
    return _table(f"Overlap of masks by {columns[1].heading}", rows, columns, labels.CALIBRATION_SETTING)


def _table(caption: str, rows: Sequence[dict[str, Any]], columns: list[Column], setting: list[str]) -> Table:
    """The settings that differ between rows become columns in front; having none (magnitude) is no difference."""
    differing = [key for key in setting if len({row[key] for row in rows} - {labels.NO_TEXT}) > 1]
    columns = [Column(key, key, labels.pattern_words if key == "pattern" else str) for key in differing] + columns
    cells = [[_cell(row.get(column.field), column) for column in columns] for row in rows]
    return Table(caption, [column.heading for column in columns], cells)


def _cell(value: Any, column: Column) -> Cell:
    key = value[column.sort] if column.sort and value is not None else value
    if key is None:
        return Cell(MISSING, "", False)
    return Cell(column.form(value), key, not isinstance(key, str))


def _calibration(name: str) -> str:
    return MISSING if name == labels.NO_TEXT else labels.with_code(name)


def _ratio(value: float) -> str:
    return f"{value:,.2f}"


def _ratio_and_span(row: dict[str, Any]) -> str:
    mean = _ratio(row["ratio_to_dense"])
    if row["seeds"] == 1:
        return mean
    return f"{mean} ({_ratio(row['ratio_to_dense_min'])}–{_ratio(row['ratio_to_dense_max'])})"


def _interval(row: dict[str, Any]) -> str:
    return f"{labels.signed(row['low'])} to {labels.signed(row['high'])}"


def _agreeing(row: dict[str, Any]) -> str:
    return f"{row['documents_better']} of {row['documents']}"


def _probability(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"
