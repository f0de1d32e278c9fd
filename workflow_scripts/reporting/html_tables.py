"""The tables of the report: what a cell shows, by what it sorts, and all of it as CSV in full precision."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from workflow_scripts.analysis.choices import CHANCE, HINDSIGHT, OWN
from workflow_scripts.reporting import labels
from workflow_scripts.reporting.calibrations import Known, kinds_of, words_of
from workflow_scripts.reporting.csv_links import csv_link
from workflow_scripts.reporting.knowledge import with_chance

MISSING = "–"
SIGN_FLIP = ("p of these masks (sign-flip, Holm)", "p_sign_flip_holm")
OVERLAP_ENDS = {"magnitude": "floor", "between": "between calibrations", "same": "ceiling"}


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


_WRITTEN_BY = [
    Column("method", "method", labels.method_name),
    Column("calibrated in", "calibration", lambda name: _calibration(name)),
    Column("language", "language", labels.with_code),
]


def matrix_table(mean_matrix: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
    """Ratio to the dense model, one row per method and calibration, one column per evaluated language."""
    pruned = mean_matrix.filter(pl.col("method") != "dense")
    languages = labels.in_order(pruned["language"])
    keys = ["model", "pattern", "corpus", "method", "sample", "propagation", "calibration"]
    rows = []
    for group in labels.ranked(pruned, *keys, "language", kinds=kinds).partition_by(keys, maintain_order=True):
        cells = {row["language"]: row for row in group.iter_rows(named=True)}
        rows.append({key: group[key][0] for key in keys} | cells)
    columns = [Column("method", "method", labels.method_name), Column("calibrated in", "calibration", _calibration)]
    for language in languages:
        parts = {f"{language}{end}": f"ratio_to_dense{end}" for end in ("", "_min", "_max")}
        columns.append(Column(labels.with_code(language), language, _ratio_and_span, parts))
    caption = "Perplexity over the dense model's, mean over seeds (lowest to highest seed)"
    return make_table("ratios", caption, rows, columns, labels.EVALUATION_SETTING)


def variants_table(mean_matrix: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
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
    rows = labels.ranked(
        mean_matrix, *labels.EVALUATION_SETTING, "method", "calibration", "language", kinds=kinds
    ).to_dicts()
    return make_table("variants", "All variants, means over seeds", rows, columns, labels.EVALUATION_SETTING)


def divergence_table(mean_matrix: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
    """Divergence from the dense model and agreement with it, of every pruned variant in every language."""
    pruned = mean_matrix.filter(pl.col("method") != "dense")
    keys = [*labels.EVALUATION_SETTING, "method", "calibration", "language"]
    rows = labels.ranked(pruned, *keys, kinds=kinds).to_dicts()
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibrated in", "calibration", _calibration),
        Column("evaluated in", "language", labels.with_code),
        Column("seeds", "seeds"),
    ]
    for measure, heading, form in (
        ("divergence", "divergence (nats per token)", "{:.3f}"),
        ("agreement", "same likeliest token", "{:.1%}"),
    ):
        parts = {f"{measure}{end}": f"{measure}{end}" for end in ("", "_min", "_max")}
        columns.append(Column(heading, f"{measure} of row", _mean_and_span(measure, form), parts))
        for row in rows:
            row[f"{measure} of row"] = row.copy()
    caption = "Divergence from the dense model, mean over seeds (lowest to highest seed)"
    return make_table("divergences", caption, rows, columns, labels.EVALUATION_SETTING)


def effects_table(effects: pl.DataFrame, name: str, caption: str, known: Known | None = None) -> Table:
    """Own-language calibration minus another one, with interval, p-values and share of the pruning loss."""
    ordered = labels.ranked(effects, *labels.EVALUATION_SETTING, "method", "own", "other", kinds=kinds_of(known))
    rows = [
        row | {"interval": row, "agreeing": row, "made_of": words_of(row["other"], known)}
        for row in ordered.iter_rows(named=True)
    ]
    for row in rows:
        if row["low"] is None:
            row["interval"] = None
    columns = [
        Column("method", "method", labels.method_name),
        Column("own language", "own", labels.with_code),
        Column("against", "other", labels.with_code),
        *([Column("which is", "made_of")] if any(row["made_of"] for row in rows) else []),
        Column(f"difference ({labels.losses(effects)})", "difference", labels.signed),
        Column("95 % interval", "interval", _interval, {"low": "low", "high": "high"}),
        Column("p", "p_value", labels.probability),
        Column("p (Holm)", "p_holm", labels.probability),
        *([Column(*SIGN_FLIP, labels.probability)] if SIGN_FLIP[1] in effects.columns else []),
        Column("smallest detectable", "detectable", "{:.3f}".format),
        Column("share of pruning loss", "relative", labels.percent),
        Column(
            f"own better on {labels.texts(effects)}s",
            "agreeing",
            _agreeing,
            {"documents_better": "documents_better", "documents": "documents"},
        ),
        Column("seeds", "seeds"),
    ]
    return make_table(name, caption, rows, columns, labels.EVALUATION_SETTING)


def within_mask_table(within: pl.DataFrame, name: str, known: Known | None = None) -> Table:
    """Own-language calibration minus another one in single masks, seed by seed."""
    keys = [*labels.EVALUATION_SETTING, "method", "own", "other", "seed"]
    ordered = labels.ranked(within, *keys, kinds=kinds_of(known))
    rows = [row | {"interval": None if row["low"] is None else row} for row in ordered.iter_rows(named=True)]
    columns = [
        Column("method", "method", labels.method_name),
        Column("own language", "own", labels.with_code),
        Column("against", "other", labels.with_code),
        Column("seed", "seed"),
        Column(f"difference ({labels.losses(within)})", "difference", labels.signed),
        Column("95 % interval within the mask", "interval", _interval, {"low": "low", "high": "high"}),
        Column(f"{labels.texts(within)}s", "documents"),
        Column("clusters", "clusters"),
    ]
    caption = "Single masks: own language against every other, no statement about languages"
    return make_table(name, caption, rows, columns, labels.EVALUATION_SETTING)


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
    columns = [Column("method", "method", labels.method_name), Column("calibrated in", "calibration", _calibration)]
    for language in labels.in_order(shown["language"]):
        parts = {f"{language}{end}": f"accuracy{end}" for end in ("", "_min", "_max")}
        columns.append(Column(labels.with_code(language), language, _accuracy_and_span, parts))
    chance = " or ".join(map(labels.chance, shown["chance"].unique().sort()))
    caption = f"Items answered right, mean over seeds (lowest to highest seed); chance is {chance}"
    return make_table(name, caption, rows, columns, labels.EVALUATION_SETTING)


def questions_table(questions_matrix: pl.DataFrame, known: Known | None = None) -> Table:
    """Answers to open questions, a row per method, calibration and language, the dense model first."""
    columns = [
        *_WRITTEN_BY,
        Column("exactly right", "exact_match", labels.percent),
        Column("F1", "f1", labels.percent),
        Column("nats of the likeliest gold answer", "loglikelihood", labels.signed),
        Column("the same per token", "loglikelihood_per_token", labels.signed),
        Column("questions", "items"),
        Column("seeds", "seeds"),
    ]
    return _of_written("answers", "Answers to open questions, means over seeds", questions_matrix, columns, known)


def fidelity_table(fidelity_matrix: pl.DataFrame, known: Known | None = None) -> Table:
    """What is measured of continuations, a row per method, calibration and language, the dense model first."""
    columns = [
        *_WRITTEN_BY,
        Column("in the language", "in_language", labels.percent),
        Column("others mostly in", "instead", labels.with_code),
        Column("letters in the script", "script_share", labels.percent),
        Column("repeated 4-grams", "repetition", labels.percent),
        Column("different 2-grams", "distinct", labels.percent),
        Column("empty", "empty", labels.percent),
        Column("ended early", "ended", labels.percent),
        Column("tokens", "tokens", "{:.1f}".format),
        Column("prompts", "prompts"),
        Column("seeds", "seeds"),
    ]
    return _of_written("fidelity", "Continuations of prompts, means over seeds", fidelity_matrix, columns, known)


def _of_written(name: str, caption: str, matrix: pl.DataFrame, columns: list[Column], known: Known | None) -> Table:
    keys = [*labels.EVALUATION_SETTING, "method", "calibration", "language"]
    rows = labels.ranked(matrix, *keys, kinds=kinds_of(known)).to_dicts()
    rows.sort(key=lambda row: (row["model"], row["method"] != "dense"))
    return make_table(name, caption, rows, columns, labels.EVALUATION_SETTING)


def best_table(best: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
    """Regret of each calibration, per evaluated language."""
    keys = [*labels.EVALUATION_SETTING, "method", "language", "best"]
    rows = [
        {key: group[key][0] for key in keys} | {row["calibration"]: row for row in group.iter_rows(named=True)}
        for group in labels.ranked(best, *keys, "calibration", kinds=kinds).partition_by(keys, maintain_order=True)
    ]
    columns = [
        Column("method", "method", labels.method_name),
        Column("evaluated in", "language", labels.with_code),
        Column("best calibration", "best", labels.with_code),
    ]
    for name in labels.in_order(best["calibration"], kinds):
        parts = {f"regret_{name}{end}": key for end, key in (("", "regret"), ("_low", "low"), ("_high", "high"))}
        columns.append(Column(f"regret of {name}", name, _regret_and_interval, parts))
    caption = (
        f"Regret: {labels.units(best)} lost against the calibrations that other {labels.texts(best)}s and seeds choose "
        "(95\N{NO-BREAK SPACE}% interval); below zero is chance"
    )
    return make_table("regrets", caption, rows, columns, labels.EVALUATION_SETTING)


def advice_table(best: pl.DataFrame, reference: str | None, kinds: Mapping[str, str] | None = None) -> Table:
    """The answer, a row per evaluated language and method: what to calibrate in, how sure, what the reference costs.

    Texts in the language itself are what people have and understand: they are advised unless another calibration is better.
    """
    rows = []
    keys = [*labels.EVALUATION_SETTING, "method", "language"]
    for group in labels.ranked(best, *keys, "calibration", kinds=kinds).partition_by(keys, maintain_order=True):
        [winner] = group.filter(pl.col("calibration") == pl.col("best")).to_dicts()
        own = group.filter(pl.col("among_best"), pl.col("calibration") == pl.col("language"))["calibration"]
        advised = own[0] if own.len() else winner["best"]
        others = group.filter(pl.col("among_best"), pl.col("calibration") != advised)["calibration"]
        known = winner["among_best"] is not None
        against = group.filter(pl.col("calibration") == reference, pl.col("best") != reference).to_dicts()
        rows.append(
            {key: winner[key] for key in (*keys, "best", "chosen")}
            | {"advised": advised}
            | {"others": _others(others, group.height - 1) if known else None}
            | {"regret": against[0] if against else None}
            | {"relative": against[0]["relative"] if against else None}
        )
    columns = [
        Column("to use it in", "language", labels.with_code),
        Column("method", "method", labels.method_name),
        Column("calibrate in", "advised", labels.with_code),
        Column("lowest loss with", "best", labels.with_code),
        Column("in resamples", "chosen", labels.percent),
    ]
    if reference:
        name, unit = labels.language_name(reference), labels.units(best)
        parts = {"regret": "regret", "low": "low", "high": "high"}
        columns += [
            Column(f"{name} instead costs ({unit})", "regret", _regret_and_interval, parts),
            Column("share of pruning loss", "relative", labels.percent),
        ]
    columns.append(Column("not told apart from the best either", "others"))
    return make_table("advice", "Which calibration to use", rows, columns, labels.EVALUATION_SETTING)


def _others(names: pl.Series, rivals: int) -> str:
    if len(names) == rivals:
        return "all others"
    return labels.listed(names) or "none"


def one_for_all_table(drops: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
    """One calibration for all evaluated languages: its mean drop, and that of its worst language."""
    keys = [*labels.EVALUATION_SETTING, "method"]
    rows = labels.ranked(drops, *keys, "calibration", kinds=kinds).sort(*keys, "worst_drop").to_dicts()
    for row in rows:
        row |= {f"{drop} of row": row.copy() for drop in ("mean_drop", "worst_drop")}
    columns = [Column("method", "method", labels.method_name), Column("calibrated in", "calibration", labels.with_code)]
    for drop, heading in (("worst_drop", "loss grows in the worst language by"), ("mean_drop", "on average by")):
        parts = {f"{drop}{end}": f"{drop}{end}" for end in ("", "_low", "_high")}
        columns.append(Column(heading, f"{drop} of row", _drop_and_interval(drop), parts))
    columns.insert(3, Column("which is", "worst_language", labels.with_code))
    columns.append(Column("lowest worst drop in resamples", "chosen", labels.percent))
    caption = "One calibration for all evaluated languages (95\N{NO-BREAK SPACE}% interval)"
    return make_table("one_calibration_for_all", caption, rows, columns, labels.EVALUATION_SETTING)


WAYS = {
    OWN: "the language itself",
    HINDSIGHT: "the best other language, in hindsight",
    CHANCE: "any other language, at random",
    "mask_overlap": "predicted: overlap of masks with its own",
    "input_norms": "predicted: likeness of input norms to its own",
    "local_error": "predicted: small local error",
}


def choices_table(tables: Mapping[str, pl.DataFrame], known: Known | None = None) -> Table:
    """Ways to choose a calibration for a language, by what they cost on average; tables of `analysis.tables.analyse`."""
    keys = [*labels.EVALUATION_SETTING, "method"]
    told = tables["predictors"].select(*keys, "low", "high", "rho", "p_value", way="predictor")
    rows = tables["choices"].join(told, on=[*keys, "way"], how="left").sort(*keys, "mean_regret", "way").to_dicts()
    for row in rows:
        fixed = row["kind"] in ("language", "mixture", "control")
        row["choice"] = f"always {labels.with_code(row['way'])}" if fixed else WAYS[row["way"]]
        row["made_of"] = words_of(row["way"], known) if fixed else ""
        row["foretells"] = row if row["rho"] is not None else None
        row["hits"] = row if row["right"] is not None else None
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibration for a language", "choice"),
        Column("mean regret", "mean_regret", labels.signed),
        Column("regret in the worst language", "worst_regret", labels.signed),
        Column("languages", "languages"),
        Column("picks the best other", "hits", _hits, {"right": "right", "languages": "languages"}),
        Column("rank correlation", "foretells", foretells, {"rho": "rho", "low": "low", "high": "high"}),
        Column("p", "p_value", labels.probability),
        # Last, for it is wide.
        *([Column("which is", "made_of")] if any(row["made_of"] for row in rows) else []),
    ]
    caption = f"Ways to choose a calibration, by mean regret in {labels.units(tables['choices'])}"
    return make_table("ways_to_choose", caption, rows, columns, labels.EVALUATION_SETTING)


def _hits(row: Mapping[str, Any]) -> str:
    return f"{row['right']} of {row['languages']}"


def foretells(row: Mapping[str, Any]) -> str:
    """A rank correlation with its interval."""
    interval = f" ({labels.span(row['low'], row['high'], 2)})" if row["low"] is not None else ""
    return f"{labels.signed(row['rho'], 2)}{interval}"


def positions_table(positions: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
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
    keys = [*labels.CALIBRATION_SETTING, "method", "calibration_a", "calibration_b"]
    rows = labels.ranked(positions, *keys, kinds=kinds).to_dicts()
    return make_table("pairs", "Overlap of masks by pair", rows, columns, labels.CALIBRATION_SETTING)


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


def errors_table(errors: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Table:
    """Errors and signal-to-noise ratio of each block."""
    columns = [
        Column("method", "method", labels.method_name),
        Column("calibrated in", "calibration", labels.with_code),
        Column("block", "block"),
    ]
    rows = labels.ranked(errors, *labels.CALIBRATION_SETTING, "method", "calibration", "block", kinds=kinds).to_dicts()
    for measure, form in (("local_error", "{:.4f}"), ("path_error", "{:.4f}"), ("signal_to_noise", "{:.1f}")):
        unit = " (dB)" if measure == "signal_to_noise" else ""
        parts = {f"{measure}{end}": f"{measure}{end}" for end in ("", "_min", "_max")}
        columns.append(
            Column(measure.replace("_", " ") + unit, f"{measure} of row", _mean_and_span(measure, form), parts)
        )
        for row in rows:
            row[f"{measure} of row"] = None if row[measure] is None else row.copy()
    caption = "Errors by block, mean over seeds (lowest to highest seed)"
    return make_table("block_errors", caption, rows, columns, labels.CALIBRATION_SETTING)


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


def _calibration(name: str) -> str:
    return MISSING if name == labels.NO_TEXT else labels.with_code(name)


def _ratio(value: float) -> str:
    return f"{value:,.2f}"


def _ratio_and_span(row: dict[str, Any]) -> str:
    mean = _ratio(row["ratio_to_dense"])
    if row["seeds"] == 1:
        return mean
    return f"{mean} ({_ratio(row['ratio_to_dense_min'])}–{_ratio(row['ratio_to_dense_max'])})"


def _accuracy_and_span(row: dict[str, Any]) -> str:
    mean, low, high = (labels.percent(row[f"accuracy{end}"]) for end in ("", "_min", "_max"))
    return mean if row["seeds"] == 1 else f"{mean} ({low}–{high})"


def _mean_and_span(measure: str, form: str) -> Callable[[dict[str, Any]], str]:
    def words(row: dict[str, Any]) -> str:
        mean, low, high = (form.format(row[f"{measure}{end}"]) for end in ("", "_min", "_max"))
        return mean if row["seeds"] == 1 else f"{mean} ({low}–{high})"

    return words


def _interval(row: dict[str, Any]) -> str:
    return labels.span(row["low"], row["high"])


def _regret_and_interval(row: dict[str, Any]) -> str:
    if row["regret"] == row["low"] == row["high"] == 0:
        return "0"
    regret = labels.signed(row["regret"])
    return regret if row["low"] is None else f"{regret} ({labels.span(row['low'], row['high'])})"


def _drop_and_interval(drop: str) -> Callable[[dict[str, Any]], str]:
    def words(row: dict[str, Any]) -> str:
        mean, low, high = (
            None if row[f"{drop}{end}"] is None else f"{100 * row[f'{drop}{end}']:.1f}" for end in ("", "_low", "_high")
        )
        return f"{mean}\N{NO-BREAK SPACE}%" if low is None else f"{mean}\N{NO-BREAK SPACE}% ({low} to {high})"

    return words


def _agreeing(row: dict[str, Any]) -> str:
    return f"{row['documents_better']} of {row['documents']}"
