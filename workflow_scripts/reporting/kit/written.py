"""What pruned models write, as matrices and rows of tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from workflow_scripts.reporting.kit import heat, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of, words_of
from workflow_scripts.reporting.kit.labels import capital, many, percent, signed
from workflow_scripts.reporting.kit.maps import HeatCell, HeatMap, HeatRow
from workflow_scripts.reporting.kit.tables import Column, Table, calibration_cell, make_table

DENSE = "the dense model"
BLANK = "#ffffff"
"""Of cells that no colour can say anything of."""


class Measure(NamedTuple):
    """A share that is shown as a matrix: its column, what it is called, and whether more of it is better."""

    column: str
    words: str
    more_is_better: bool


F1 = Measure("f1", "F1 of answers", True)
IN_LANGUAGE = Measure("in_language", "texts in the language", True)
REPETITION = Measure("repetition", "repeated 4-grams", False)


def panels(matrix: pl.DataFrame, known: Known | None) -> Iterator[heat.Panel]:
    """The settings and methods of `questions_matrix` or `fidelity_matrix`, in the order of all figures."""
    for keys in labels.settings(heat.calibrated(matrix), heat.KEYS):
        place = {key: keys[key] for key in ("model", "corpus")}
        magnitude = labels.of_setting(matrix, {**place, "pattern": keys["pattern"], "method": "magnitude"})
        cells = pl.concat([labels.of_setting(matrix, keys), magnitude])
        dense = labels.of_setting(matrix, {**place, "method": "dense"})
        ranked = labels.ranked(cells, "calibration", "language", kinds=kinds_of(known))
        yield heat.Panel(keys, ranked, {row["language"]: row for row in dense.iter_rows(named=True)})


def maps(matrix: pl.DataFrame, measures: Sequence[Measure], known: Known | None = None) -> list[HeatMap]:
    """A matrix of every measure, setting and method, the dense model above; languages without the measure are left out."""
    shown = list(panels(matrix, known))
    among = [panel.setting for panel in shown]
    return [_map(panel, measure, among, known) for panel in shown for measure in measures]


def _map(panel: heat.Panel, measure: Measure, among: Sequence[dict[str, str]], known: Known | None) -> HeatMap:
    languages = [name for name in labels.in_order(panel.dense) if panel.dense[name][measure.column] is not None]
    places = {(row["calibration"], row["language"]): row for row in panel.cells.iter_rows(named=True)}
    calibrated = heat.calibrated(panel.cells)
    best = {language: _best(calibrated.filter(language=language)[measure.column], measure) for language in languages}
    rows = [HeatRow(DENSE, "", [_cell(panel.dense[language], measure, panel, best) for language in languages])]
    for name in labels.in_order(panel.cells["calibration"], kinds_of(known)):
        found = [places.get((name, language)) for language in languages]
        cells = [row and _cell(row, measure, panel, best) for row in found]
        rows.append(HeatRow(labels.calibration_name(name), words_of(name, known), cells))
    title = f"{labels.method_title(panel.setting, among)}: {measure.words}, %"
    headings = [(language, labels.language_name(language)) for language in languages]
    return HeatMap(title, _in_words(title, rows, headings), headings, rows)


def _best(values: pl.Series, measure: Measure) -> float | None:
    """The best of a column; None where several calibrations are all alike."""
    alike = len(values) > 1 and values.n_unique() == 1
    return None if alike else (max if measure.more_is_better else min)(values)


def _fill(value: float, dense: float, measure: Measure) -> str:
    """The colour of a value; of F1 none where the dense model has nothing to lose."""
    if measure is F1:
        return heat.fill((dense - value) / dense, 1.0) if dense else BLANK
    return heat.fill(1 - value if measure.more_is_better else value, 1.0)


def _cell(row: Mapping[str, Any], measure: Measure, panel: heat.Panel, best: Mapping[str, float | None]) -> HeatCell:
    value, dense = row[measure.column], panel.dense[row["language"]][measure.column]
    name = DENSE if row["method"] == "dense" else labels.calibration_name(row["calibration"])
    words = [
        f"{capital(name)} on {labels.with_code(row['language'])}",
        f"{100 * value:.1f}\N{NO-BREAK SPACE}% {measure.words}{_span(row, measure)}",
        *_further(row),
    ]
    fill, calibration = _fill(value, dense, measure), row["calibration"]
    is_best = calibration != labels.NO_TEXT and value == best[row["language"]]
    own = calibration == row["language"]
    return HeatCell(f"{100 * value:.0f}", "\n".join(words), fill, heat.ink(fill), is_best, own)


def _span(row: Mapping[str, Any], measure: Measure) -> str:
    if row["seeds"] == 1:
        return ""
    return f" (seeds {100 * row[f'{measure.column}_min']:.1f} to {100 * row[f'{measure.column}_max']:.1f})"


def _further(row: Mapping[str, Any]) -> list[str]:
    """What else is known of a cell."""
    seeds = many(row["seeds"], "seed")
    if "f1" in row:
        nats = f"{signed(row['loglikelihood'])} nats a gold answer" if row["loglikelihood"] is not None else ""
        right = f"{100 * row['exact_match']:.1f}\N{NO-BREAK SPACE}% exactly right"
        return [right, *([nats] if nats else []), f"{many(row['items'], 'question')}, {seeds}"]
    instead = [f"others mostly in {labels.language_name(row['instead'])}"] if row["instead"] else []
    script = f"{100 * row['script_share']:.0f}\N{NO-BREAK SPACE}% of letters in the prompts' script"
    empty = [f"{percent(row['empty'])} empty"] if row["empty"] else []
    return [*instead, script, *empty, f"{many(row['prompts'], 'prompt')}, {seeds}"]


def _in_words(title: str, rows: Sequence[HeatRow], headings: Sequence[tuple[str, str]]) -> str:
    """A matrix for those who cannot see it."""
    names = [name for _, name in headings]
    parts = [
        f"{row.name}: " + ", ".join(f"{name} {cell.text}" for name, cell in zip(names, row.cells, strict=True) if cell)
        for row in rows
    ]
    return f"{title}, by calibration and language. " + "; ".join(parts) + "."


def calibrated_words(row: Mapping[str, Any]) -> str:
    own = row["calibration"] == row["language"]
    return f"with {'its own language' if own else labels.language_name(row['calibration'])}"


def own_and_ends(cells: pl.DataFrame, language: str, column: str) -> list[dict[str, Any]]:
    """The calibration in the language, and those with most and least, each once."""
    ends = cells.sort(column, "calibration", descending=[True, False]).to_dicts()
    own = [row for row in ends if row["calibration"] == language]
    chosen = {row["calibration"]: row for row in [*own, *ends[:1], *ends[-1:]]}
    return list(chosen.values())


WRITTEN_BY = [
    Column("method", "method", labels.method_name),
    Column("calibrated in", "calibration", lambda name: calibration_cell(name)),
    Column("language", "language", labels.with_code),
]


def of_written(name: str, caption: str, matrix: pl.DataFrame, columns: list[Column], known: Known | None) -> Table:
    keys = [*labels.EVALUATION_SETTING, "method", "calibration", "language"]
    rows = labels.ranked(matrix, *keys, kinds=kinds_of(known)).to_dicts()
    rows.sort(key=lambda row: (row["model"], row["method"] != "dense"))
    return make_table(name, caption, rows, columns, labels.EVALUATION_SETTING)
