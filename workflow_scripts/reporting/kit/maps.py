"""Matrices of calibrations and languages as the page shows them."""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from workflow_scripts.reporting.kit import heat, labels, tooltips
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of, words_of
from workflow_scripts.reporting.kit.labels import calibration_name, language_name

GRADIENT = f"linear-gradient(to right, {', '.join(heat.fill(step, 8) for step in range(9))})"


class Bar(NamedTuple):
    """A bar of colours: the CSS gradient, what its ends are, and what it means."""

    gradient: str
    least: str
    most: str
    meaning: str


class HeatCell(NamedTuple):
    """A cell of the matrix: text, words that show when one points at it, colours, and what it is marked as."""

    text: str
    words: str
    fill: str
    ink: str
    best: bool
    own: bool


class HeatRow(NamedTuple):
    """A calibration's name, what it is made of where it is no language, and its cells, None where there is none."""

    name: str
    made_of: str
    cells: list[HeatCell | None]


class HeatMap(NamedTuple):
    """A matrix of one setting and method."""

    title: str
    words: str
    languages: list[tuple[str, str]]
    rows: list[HeatRow]


def heat_maps(mean_matrix: pl.DataFrame, known: Known | None = None, measure: str = heat.RATIO) -> list[HeatMap]:
    """The matrix of every setting and method, of one of the measures of `heat`."""
    parts = list(heat.panels(mean_matrix, kinds_of(known), measure))
    among, top = [keys for keys, _ in parts], heat.darkest(mean_matrix, measure)
    made = []
    for keys, cells in parts:
        languages = labels.in_order(cells["language"])
        places = {
            (row["calibration"], row["language"]): _heat_cell(row, measure, top, known)
            for row in cells.iter_rows(named=True)
        }
        rows = [
            HeatRow(
                labels.calibration_name(name),
                words_of(name, known),
                [places.get((name, language)) for language in languages],
            )
            for name in labels.in_order(cells["calibration"], kinds_of(known))
        ]
        headings = [(language, labels.language_name(language)) for language in languages]
        made.append(HeatMap(labels.method_title(keys, among, ":"), of_matrix(cells, measure), headings, rows))
    return made


def colour_bar(mean_matrix: pl.DataFrame, measure: str = heat.RATIO) -> Bar:
    """The colours of a matrix from none to the darkest excess."""
    highest = f"{labels.percent(heat.darkest(mean_matrix, measure) / 100)} and more"
    shown = "perplexity" if measure == heat.RATIO else measure
    return Bar(GRADIENT, "0 %", highest, f"{shown} above the best calibration of that column")


def _heat_cell(row: Mapping, measure: str, top: float, known: Known | None) -> HeatCell:
    fill = heat.fill(row["excess"], top)
    own = row["calibration"] == row["language"]
    return HeatCell(
        heat.short(row[measure]), tooltips.cell(row, known, measure), fill, heat.ink(fill), row["best"], own
    )


def of_matrix(cells: pl.DataFrame, measure: str = heat.RATIO) -> str:
    """Best and worst calibration of each evaluated language; cells as `heat.panels` gives them for a measure."""
    shown = "Perplexity over the dense model's" if measure == heat.RATIO else "Divergence in nats per token"
    sentences = [f"{shown}, by calibration and evaluated language."]
    for language in labels.in_order(cells["language"]):
        own = cells.filter(pl.col("language") == language).sort(measure, "calibration")
        best, worst = (own.row(end, named=True) for end in (0, -1))
        told = f"{language_name(language)}: least with {_calibration(best)}, {best[measure]:.2f}"
        if own.height > 1:
            told += f", most with {_calibration(worst)}, {worst[measure]:.2f}"
        sentences.append(f"{told}.")
    return " ".join(sentences)


def _calibration(row: dict[str, str]) -> str:
    name = row["calibration"]
    return calibration_name(name) if name == labels.NO_TEXT else language_name(name)
