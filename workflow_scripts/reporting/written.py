"""What pruned models write, in the report: answers to open questions, and whether continuations keep to the language."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from workflow_scripts.reporting import heat, labels
from workflow_scripts.reporting.calibrations import Known, kinds_of, words_of
from workflow_scripts.reporting.labels import capital, listed, many, percent, signed
from workflow_scripts.reporting.page_figures import GRADIENT, Bar, HeatCell, HeatMap, HeatRow
from workflow_scripts.reporting.summary import SIGNIFICANT, effect_sentences

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


class Example(NamedTuple):
    """What follows a prompt: where it stands, the language, the prompt, and pairs of calibration and text."""

    title: str
    language: str
    prompt: str
    texts: list[tuple[str, str]]


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


def questions_bar() -> Bar:
    """The colours of F1, from the dense model's to none."""
    return Bar(GRADIENT, "as the dense model", "nothing", "F1 of the dense model that is lost")


def fidelity_bar() -> Bar:
    """The colours of shares of texts and 4-grams."""
    return Bar(GRADIENT, "0 %", "100 %", "texts in another language; 4-grams that have been there before")


def questions_gaps(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """A sentence for each evaluated language that the questions are not in."""
    missing = set(tables["mean_matrix"]["language"]) - set(tables["questions_matrix"]["language"])
    return [f"{labels.language_name(name)}: the questions are not in that language." for name in sorted(missing)]


def fidelity_gaps(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """A sentence for each language that the identification of languages does not know."""
    rows = tables["fidelity_matrix"].filter(pl.col("in_language").is_null())
    return [
        f"{labels.language_name(name)}: the identification of languages does not know it; only script and repetition count."
        for name in sorted(set(rows["language"]))
    ]


def questions_findings(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[str, list[str]]]:
    """A heading (method and setting) and sentences for each."""
    head = labels.headline(tables["questions_effects"], kinds_of(known))
    shown, found = list(panels(tables["questions_matrix"], known)), []
    among = [panel.setting for panel in shown]
    for panel in shown:
        rows = labels.of_setting(head, panel.setting)
        compared = effect_sentences(rows, differences_alone=True) if rows.height else []
        found.append((labels.method_title(panel.setting, among), [*_answered(panel), *compared]))
    return found


def _answered(panel: heat.Panel) -> Iterator[str]:
    for language, dense in sorted(panel.dense.items()):
        cells = heat.calibrated(panel.cells).filter(language=language)
        parts = [f"{percent(row['f1'])} {_calibrated(row)}" for row in _own_and_ends(cells, language, "f1")]
        yield (
            f"{labels.language_name(language)}: the dense model answers {percent(dense['exact_match'])} of "
            f"{dense['items']} questions exactly right, with an F1 of {percent(dense['f1'])}; the F1 of pruned models is "
            f"{listed(parts)}."
        )


def _calibrated(row: Mapping[str, Any]) -> str:
    own = row["calibration"] == row["language"]
    return f"with {'its own language' if own else labels.language_name(row['calibration'])}"


def _own_and_ends(cells: pl.DataFrame, language: str, column: str) -> list[dict[str, Any]]:
    """The calibration in the language, and those with most and least, each once."""
    ends = cells.sort(column, "calibration", descending=[True, False]).to_dicts()
    own = [row for row in ends if row["calibration"] == language]
    chosen = {row["calibration"]: row for row in [*own, *ends[:1], *ends[-1:]]}
    return list(chosen.values())


def fidelity_findings(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[str, list[str]]]:
    """A heading (method and setting) and sentences for each."""
    head = labels.headline(tables["fidelity_effects"], kinds_of(known))
    shown, found = list(panels(tables["fidelity_matrix"], known)), []
    among = [panel.setting for panel in shown]
    for panel in shown:
        rows = labels.of_setting(head, panel.setting)
        found.append((labels.method_title(panel.setting, among), [*_kept(panel), *_changes(rows)]))
    return found


def _kept(panel: heat.Panel) -> Iterator[str]:
    for language, dense in sorted(panel.dense.items()):
        if dense["in_language"] is None:
            continue
        cells = heat.calibrated(panel.cells).filter(language=language)
        parts = [
            f"{percent(row['in_language'])} {_calibrated(row)}"
            + (f" (others mostly in {labels.language_name(row['instead'])})" if row["instead"] else "")
            for row in _own_and_ends(cells, language, "in_language")
        ]
        yield (
            f"{labels.language_name(language)}: of {many(dense['prompts'], 'prompt')} the dense model keeps to the language "
            f"in {percent(dense['in_language'])}; pruned models do in {listed(parts)}."
        )


def _changes(rows: pl.DataFrame) -> Iterator[str]:
    """Which differences from the reference language hold after Holm's correction."""
    tested = rows.filter(pl.col("p_holm").is_not_null())
    if rows.is_empty():
        return
    if tested.is_empty():
        yield f"Whether these are differences between languages cannot be told: {rows['reason'][0].rstrip('.')}."
        return
    name = labels.language_name(rows["other"][0])
    held = tested.filter(pl.col("p_holm") < SIGNIFICANT).sort("unit", "own")
    for row in held.iter_rows(named=True):
        yield (
            f"{labels.language_name(row['own'])}: calibrating in the language itself instead of {name} changes the "
            f"{row['unit']} by {signed(row['difference'])} (95\N{NO-BREAK SPACE}% interval {signed(row['low'])} to "
            f"{signed(row['high'])})."
        )
    if held.height < tested.height:
        others = "No other difference" if held.height else "No difference"
        yield f"{others} from {name} is left after Holm's correction."


def examples(table: pl.DataFrame) -> list[Example]:
    """The texts side by side, a language after the other, of the first setting."""
    if table.is_empty():
        return []
    keys = [*labels.EVALUATION_SETTING, "method"]
    setting = labels.settings(table, keys)[0]
    method = f"{labels.method_name(setting['method'])}, {labels.setting_title({k: setting[k] for k in keys[:-1]}, [])}"
    return [
        Example(
            f"{labels.with_code(row['language'])}: {method}, seed {row['seed']}",
            row["language"],
            row["prompt"],
            [
                (DENSE, row["dense"]),
                (f"calibrated in {labels.language_name(row['language'])}", row["own"]),
                (f"calibrated in {labels.language_name(row['other_calibration'])}", row["other"]),
            ],
        )
        for row in labels.of_setting(table, setting).sort("language").iter_rows(named=True)
    ]
