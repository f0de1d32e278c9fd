"""What pruned models still know, from cloze items and tasks: shown only in languages in which the dense model beats chance."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from workflow_scripts.reporting.kit import heat, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of, words_of
from workflow_scripts.reporting.kit.labels import capital, listed, percent
from workflow_scripts.reporting.kit.maps import GRADIENT, Bar, HeatCell, HeatMap, HeatRow
from workflow_scripts.reporting.kit.tables import Column, Table, calibration_cell, make_table

DENSE, CHANCE = "the dense model", "chance"


def with_chance(matrix: pl.DataFrame) -> pl.DataFrame:
    """A matrix of cloze items, as it has candidates, or of tasks, with `chance`: the share that guessing gets right."""
    return matrix.with_columns(
        chance=pl.col("chance").fill_null(0) if "chance" in matrix.columns else 1 / pl.col("candidates")
    )


def panels(matrix: pl.DataFrame, known: Known | None = None) -> Iterator[heat.Panel]:
    """Per setting and method the cells in the order of all figures; languages at chance are left out.

    `lost` says which share of what the dense model has above chance is gone, `best` which calibration has most.

    Args:
        matrix: of `analysis.cloze.cloze_matrix` or `analysis.tasks.task_matrix`.
    """
    rows = with_chance(matrix).filter(pl.col("above_chance"))
    for keys in labels.settings(heat.calibrated(rows), heat.KEYS):
        own = labels.of_setting(rows, keys)
        place = {key: keys[key] for key in ("model", "corpus")}
        magnitude = labels.of_setting(rows, {**place, "pattern": keys["pattern"], "method": "magnitude"})
        most = own.group_by("language").agg(most=pl.col("accuracy").max())
        cells = pl.concat([own, magnitude]).join(most, on="language", how="inner")
        cells = cells.with_columns(
            lost=(pl.col("dense_accuracy") - pl.col("accuracy")) / (pl.col("dense_accuracy") - pl.col("chance")),
            best=(pl.col("accuracy") == pl.col("most")) & (pl.col("calibration") != labels.NO_TEXT),
        )
        dense = labels.of_setting(rows, {**place, "method": "dense"})
        ranked = labels.ranked(cells.drop("most"), "calibration", "language", kinds=kinds_of(known))
        yield heat.Panel(keys, ranked, {row["language"]: row for row in dense.iter_rows(named=True)})


def not_reported(matrix: pl.DataFrame) -> list[str]:
    """A sentence for each language in which the dense model is at chance, so that nothing can be said of variants."""
    rows = with_chance(matrix).filter(~pl.col("above_chance"), pl.col("method") == "dense")
    several = {key: matrix[key].n_unique() > 1 for key in ("model", "corpus")}
    return [
        f"{labels.language_name(row['language'])}{' on ' + row['corpus'] if several['corpus'] else ''}"
        f"{' with ' + row['model'] if several['model'] else ''}: not reported: the dense model is at chance "
        f"({percent(row['dense_accuracy'])}, {labels.p_value(row['dense_p_value'])}; guessing is right in "
        f"{labels.chance(row['chance'])})."
        for row in rows.sort("model", "corpus", "language").iter_rows(named=True)
    ]


def accuracies(panel: heat.Panel) -> Iterator[str]:
    """What is left of the dense model's accuracy in each language; no comparison, for that takes the margins."""
    for language in labels.in_order(panel.dense):
        dense = panel.dense[language]
        cells = heat.calibrated(panel.cells).filter(pl.col("language") == language)
        own = cells.filter(pl.col("calibration") == language)
        parts = [f"{percent(own['accuracy'][0])} with its own language"] if own.height else []
        ends = cells.sort("accuracy", "calibration", descending=[True, False])
        for row, words in ((ends.row(0, named=True), "at most"), (ends.row(-1, named=True), "at least")):
            parts.append(f"{words} {percent(row['accuracy'])} with {labels.language_name(row['calibration'])}")
        yield (
            f"{labels.language_name(language)}: of {dense['items']} items the dense model answers "
            f"{percent(dense['accuracy'])}, chance would be {labels.chance(dense['chance'])}; pruned models answer "
            f"{listed(parts)}."
        )


def accuracy_words(panel: heat.Panel) -> str:
    """The accuracies of a panel, for those who cannot see it."""
    corpus = panel.setting["corpus"]
    items = "cloze items" if corpus.startswith("cloze-") else corpus
    sentences = [f"Accuracy of {items} in per cent, by calibration and evaluated language.", *accuracies(panel)]
    return " ".join(map(capital, sentences))


def cell_words(row: Mapping[str, Any], made_of: str = "") -> str:
    """The exact numbers of a cell, the dense model's among them."""
    name = DENSE if row["method"] == "dense" else labels.calibration_name(row["calibration"])
    span = f" (seeds {100 * row['accuracy_min']:.1f} to {100 * row['accuracy_max']:.1f})" if row["seeds"] > 1 else ""
    lines = [
        f"{capital(name)} on {labels.with_code(row['language'])}",
        f"{100 * row['accuracy']:.1f}\N{NO-BREAK SPACE}% right{span}",
        *([] if row["margin"] is None else [f"mean margin {labels.signed(row['margin'])} nats"]),
        f"{labels.many(row['items'], 'item')}, {labels.many(row['seeds'], 'seed')}; the dense model "
        f"{100 * row['dense_accuracy']:.1f}\N{NO-BREAK SPACE}%, chance {labels.chance(row['chance'])}",
        *([made_of] if made_of else []),
    ]
    return "\n".join(lines)


def accuracy_maps(matrix: pl.DataFrame, known: Known | None = None) -> list[HeatMap]:
    """The accuracies of cloze items or tasks of every setting and method, between the dense model's and chance."""
    shown = list(panels(matrix, known))
    among, made = [panel.setting for panel in shown], []
    for panel in shown:
        languages = labels.in_order(panel.dense)
        places = {(row["calibration"], row["language"]): row for row in panel.cells.iter_rows(named=True)}
        rows = [HeatRow(DENSE, "", [_accuracy_cell(panel.dense[language]) for language in languages])]
        for name in labels.in_order(panel.cells["calibration"], kinds_of(known)):
            words = words_of(name, known)
            found = [places.get((name, language)) for language in languages]
            cells = [row and _accuracy_cell(row, f"{name}: {words}" if words else "") for row in found]
            rows.append(HeatRow(labels.calibration_name(name), words, cells))
        rows.append(HeatRow(CHANCE, "", [_chance_cell(panel.dense[language]) for language in languages]))
        headings = [(language, labels.language_name(language)) for language in languages]
        made.append(HeatMap(labels.method_title(panel.setting, among, ":"), accuracy_words(panel), headings, rows))
    return made


def _accuracy_cell(row: Mapping, made_of: str = "") -> HeatCell:
    fill = heat.fill(row.get("lost", 0.0), 1.0)
    own, words = row["calibration"] == row["language"], cell_words(row, made_of)
    return HeatCell(f"{100 * row['accuracy']:.0f}", words, fill, heat.ink(fill), row.get("best", False), own)


def _chance_cell(dense: Mapping) -> HeatCell:
    words = f"Chance: {labels.chance(dense['chance'])}"
    return HeatCell(f"{100 * dense['chance']:.3g}", words, fill := heat.fill(1, 1), heat.ink(fill), False, False)


def accuracy_bar() -> Bar:
    """The colours of accuracies, from the dense model's to chance."""
    return Bar(
        GRADIENT, "as the dense model", "chance", "what the dense model knows beyond chance, from all kept to all lost"
    )


def accuracy_table(matrix: pl.DataFrame, known: Known | None = None, name: str = "accuracies") -> Table:
    """Accuracy of cloze items or tasks, a row per method and calibration, the dense model first; languages at chance left out."""
    shown = with_chance(matrix).filter(pl.col("above_chance"))
    keys = ["model", "pattern", "corpus", "method", "sample", "propagation", "calibration"]
    ordered = labels.ranked(shown, *keys, "language", kinds=kinds_of(known))
    rows = [
        {key: group[key][0] for key in keys} | {row["language"]: row for row in group.iter_rows(named=True)}
        for group in ordered.partition_by(keys, maintain_order=True)
    ]
    rows.sort(key=lambda row: (row["model"], row["method"] != "dense"))
    columns = [Column("method", "method", labels.method_name), Column("calibrated in", "calibration", calibration_cell)]
    for language in labels.in_order(shown["language"]):
        parts = {f"{language}{end}": f"accuracy{end}" for end in ("", "_min", "_max")}
        columns.append(Column(labels.with_code(language), language, _accuracy_and_span, parts))
    chance = " or ".join(map(labels.chance, shown["chance"].unique().sort()))
    caption = f"Items answered right, mean over seeds (lowest to highest seed); chance is {chance}"
    return make_table(name, caption, rows, columns, labels.EVALUATION_SETTING)


def _accuracy_and_span(row: dict[str, Any]) -> str:
    mean, low, high = (labels.percent(row[f"accuracy{end}"]) for end in ("", "_min", "_max"))
    return mean if row["seeds"] == 1 else f"{mean} ({low}–{high})"
