"""The figures as the page shows them: setting by setting and method by method, so that they fit on a phone."""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from workflow_scripts.reporting import (
    alternatives,
    figures,
    heat,
    inside,
    inside_figures,
    knowledge,
    labels,
    tooltips,
    tree,
)
from workflow_scripts.reporting.calibrations import Known, kinds_of, words_of
from workflow_scripts.reporting.svg import inline_svg

# Figure -> how it is drawn, and how it is put in words.
DRAWN = {
    "best_calibration": (figures.regrets, alternatives.of_regrets),
    "cloze_effects": (figures.margin_intervals, alternatives.of_effects),
    "task_effects": (figures.accuracy_intervals, alternatives.of_effects),
    "divergence_effects": (figures.effect_intervals, alternatives.of_effects),
    "baselines": (figures.baseline_intervals, alternatives.of_baselines),
    "effects": (figures.effect_intervals, alternatives.of_effects),
    "mask_clusters": (tree.mask_clusters, tree.of_mask_clusters),
    "overlap_by_block": (figures.overlap_by_block, alternatives.of_overlap_by_block),
    "overlap_by_module": (figures.overlap_by_module, alternatives.of_overlap_by_module),
    "error_by_block": (figures.error_by_block, alternatives.of_error_by_block),
    **{name: (draw, inside.IN_WORDS[name]) for name, draw in inside_figures.FIGURES.items()},
}


GRADIENT = f"linear-gradient(to right, {', '.join(heat.fill(step, 8) for step in range(9))})"


class Bar(NamedTuple):
    """A bar of colours: the CSS gradient, what its ends are, and what it means."""

    gradient: str
    least: str
    most: str
    meaning: str


class Drawing(NamedTuple):
    """A figure of one setting and method: its title and the SVG."""

    title: str
    svg: str


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
        made.append(
            HeatMap(labels.method_title(keys, among, ":"), alternatives.of_matrix(cells, measure), headings, rows)
        )
    return made


def accuracy_maps(matrix: pl.DataFrame, known: Known | None = None) -> list[HeatMap]:
    """The accuracies of cloze items or tasks of every setting and method, between the dense model's and chance."""
    shown = list(knowledge.panels(matrix, known))
    among, made = [panel.setting for panel in shown], []
    for panel in shown:
        languages = labels.in_order(panel.dense)
        places = {(row["calibration"], row["language"]): row for row in panel.cells.iter_rows(named=True)}
        rows = [HeatRow(knowledge.DENSE, "", [_accuracy_cell(panel.dense[language]) for language in languages])]
        for name in labels.in_order(panel.cells["calibration"], kinds_of(known)):
            words = words_of(name, known)
            found = [places.get((name, language)) for language in languages]
            cells = [row and _accuracy_cell(row, f"{name}: {words}" if words else "") for row in found]
            rows.append(HeatRow(labels.calibration_name(name), words, cells))
        rows.append(HeatRow(knowledge.CHANCE, "", [_chance_cell(panel.dense[language]) for language in languages]))
        headings = [(language, labels.language_name(language)) for language in languages]
        made.append(
            HeatMap(labels.method_title(panel.setting, among, ":"), knowledge.accuracy_words(panel), headings, rows)
        )
    return made


def _accuracy_cell(row: Mapping, made_of: str = "") -> HeatCell:
    fill = heat.fill(row.get("lost", 0.0), 1.0)
    own, words = row["calibration"] == row["language"], knowledge.cell_words(row, made_of)
    return HeatCell(f"{100 * row['accuracy']:.0f}", words, fill, heat.ink(fill), row.get("best", False), own)


def _chance_cell(dense: Mapping) -> HeatCell:
    words = f"Chance: {labels.chance(dense['chance'])}"
    return HeatCell(f"{100 * dense['chance']:.3g}", words, fill := heat.fill(1, 1), heat.ink(fill), False, False)


def colour_bar(mean_matrix: pl.DataFrame, measure: str = heat.RATIO) -> Bar:
    """The colours of a matrix from none to the darkest excess."""
    highest = f"{labels.percent(heat.darkest(mean_matrix, measure) / 100)} and more"
    shown = "perplexity" if measure == heat.RATIO else measure
    return Bar(GRADIENT, "0 %", highest, f"{shown} above the best calibration of that column")


def accuracy_bar() -> Bar:
    """The colours of accuracies, from the dense model's to chance."""
    return Bar(
        GRADIENT, "as the dense model", "chance", "what the dense model knows beyond chance, from all kept to all lost"
    )


def drawings(name: str, table: pl.DataFrame, known: Known | None = None) -> list[Drawing]:
    """The figure `name` of every setting and method, on the same axes."""
    draw, put_in_words = DRAWN[name]
    rows = figures.of_accuracy(table) if name == "task_effects" else table
    if name in inside_figures.FIGURES:
        rows = inside_figures.shown(name, table)
    if name in ("effects", "divergence_effects", "cloze_effects", "task_effects"):
        rows = labels.headline(rows, kinds_of(known))
    keys = ["method", *(labels.EVALUATION_SETTING if "corpus" in table.columns else labels.CALIBRATION_SETTING)]
    among = labels.settings(rows, keys)
    # Per setting the methods side by side.
    among.sort(key=lambda setting: [setting[key] for key in (*keys[1:], "method")])
    made = []
    for number, setting in enumerate(among):
        part = labels.of_setting(rows, setting)
        svg = inline_svg(draw(part, among=rows, known=known), f"{name}-{number}-", put_in_words(part, known))
        made.append(Drawing(labels.method_title(setting, among, ":"), svg))
    return made


def _heat_cell(row: Mapping, measure: str, top: float, known: Known | None) -> HeatCell:
    fill = heat.fill(row["excess"], top)
    own = row["calibration"] == row["language"]
    return HeatCell(
        heat.short(row[measure]), tooltips.cell(row, known, measure), fill, heat.ink(fill), row["best"], own
    )
