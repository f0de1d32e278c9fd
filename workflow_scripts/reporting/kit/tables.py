"""Tables of the report: what a cell shows, by what it sorts, and all of it as CSV in full precision."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.csv_links import csv_link

MISSING = "–"


class Cell(NamedTuple):
    """What is shown, what it sorts by, and whether it is a number (set to the right)."""

    text: str
    value: str | float | int
    number: bool


class Column(NamedTuple):
    """A column's heading, the field of a row that it shows, and how.

    `parts` is for a field that is itself a mapping: the names of its columns in the CSV -> keys; the first sorts.
    """

    heading: str
    field: str
    form: Callable[[Any], str] = str
    parts: Mapping[str, str] | None = None


class Table(NamedTuple):
    """A table ready for the template; `csv` is a link that holds it in full precision.

    The names differ from those of the study's files, which have more columns.
    """

    name: str
    caption: str
    headings: list[str]
    rows: list[list[Cell]]
    csv: str


def make_table(
    name: str, caption: str, rows: Sequence[dict[str, Any]], columns: list[Column], setting: list[str]
) -> Table:
    """A table with its CSV.

    The settings that differ between rows become columns in front; having none (magnitude) is no difference.
    """
    differing = [key for key in setting if len({row[key] for row in rows} - {labels.NO_TEXT}) > 1]
    columns = [Column(key, key, labels.pattern_words if key == "pattern" else str) for key in differing] + columns
    cells = [[_cell(row.get(column.field), column) for column in columns] for row in rows]
    header = [part for column in columns for part in (column.parts or {column.field: ""})]
    values = [[value for column in columns for value in _values(row.get(column.field), column)] for row in rows]
    return Table(name, caption, [column.heading for column in columns], cells, csv_link(header, values))


def _cell(value: Any, column: Column) -> Cell:
    key = next(iter(_values(value, column)))
    if key is None:
        return Cell(MISSING, "", False)
    return Cell(column.form(value), key, not isinstance(key, str))


def _values(value: Any, column: Column) -> list[Any]:
    """A cell's values in the CSV."""
    if column.parts is None:
        return [value]
    return [None if value is None else value[key] for key in column.parts.values()]


def calibration_cell(name: str) -> str:
    return MISSING if name == labels.NO_TEXT else labels.with_code(name)


def ratio(value: float) -> str:
    return f"{value:,.2f}"


def mean_and_span(measure: str, form: str) -> Callable[[dict[str, Any]], str]:
    def words(row: dict[str, Any]) -> str:
        mean, low, high = (form.format(row[f"{measure}{end}"]) for end in ("", "_min", "_max"))
        return mean if row["seeds"] == 1 else f"{mean} ({low}–{high})"

    return words


def regret_and_interval(row: dict[str, Any]) -> str:
    if row["regret"] == row["low"] == row["high"] == 0:
        return "0"
    regret = labels.signed(row["regret"])
    return regret if row["low"] is None else f"{regret} ({labels.span(row['low'], row['high'])})"


def foretells(row: Mapping[str, Any]) -> str:
    """A rank correlation with its interval."""
    interval = f" ({labels.span(row['low'], row['high'], 2)})" if row["low"] is not None else ""
    return f"{labels.signed(row['rho'], 2)}{interval}"
