"""What each calibration costs."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from workflow_scripts.analysis.choices import CHANCE, HINDSIGHT, OWN
from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of, words_of
from workflow_scripts.reporting.kit.intervals import interval_axes
from workflow_scripts.reporting.kit.labels import language_name, signed
from workflow_scripts.reporting.kit.maps import _calibration
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.svg import describe_mark, styled
from workflow_scripts.reporting.kit.tables import Column, Table, foretells, make_table, regret_and_interval
from workflow_scripts.reporting.kit.tooltips import made_of_lines

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("best_calibration.rst",)


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
        interval_axes(axes, len(languages), limits)
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


def _regret(
    axes: Axes, place: float, row: Mapping[str, Any], limits: tuple[float, float] | None, known: Known | None
) -> None:
    """A regret with its interval, in the look of its calibration; beyond the limits, as a number at the edge."""
    look = labels.look(row["calibration"], kinds_of(known))
    told = regret_words(row, known)
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


def regret_words(row: Mapping[str, Any], known: Known | None = None) -> str:
    """What a calibration costs in a language, of `best_calibration`."""
    lines = [
        f"{labels.with_code(row['calibration'])} on {labels.with_code(row['language'])}",
        f"regret {labels.signed(row['regret'], 4)} {row['unit']}",
        f"95\N{NO-BREAK SPACE}% interval {labels.span(row['low'], row['high'], 4)}"
        if row["low"] is not None
        else f"no interval: {row['reason']}",
        f"the best in {labels.percent(row['chosen'])} of resamples",
    ]
    if row["among_best"] is not None:
        lines.append("may be the best one" if row["among_best"] else "worse than the best one")
    return "\n".join([*lines, *made_of_lines(row["calibration"], known)])


def of_regrets(best: pl.DataFrame, known: Known | None = None) -> str:
    """Of each evaluated language the calibrations that may be the best, and the one that costs most."""
    sentences = [f"Regret of each calibration in {labels.units(best)}, by evaluated language."]
    for language in labels.in_order(best["language"]):
        own = best.filter(pl.col("language") == language).sort("regret", "calibration")
        may = own.filter(pl.col("among_best"))["calibration"]
        least, most = (own.row(end, named=True) for end in (0, -1))
        among = (
            f"{labels.listed(map(language_name, may))} may be the best" if len(may) else f"least {_calibration(least)}"
        )
        sentences.append(f"{language_name(language)}: {among}; most {_calibration(most)}, {signed(most['regret'])}.")
    return " ".join(sentences)


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
        columns.append(Column(f"regret of {name}", name, regret_and_interval, parts))
    caption = (
        f"Regret: {labels.units(best)} lost against the calibrations that other {labels.texts(best)}s and seeds choose "
        "(95\N{NO-BREAK SPACE}% interval); below zero is chance"
    )
    return make_table("regrets", caption, rows, columns, labels.EVALUATION_SETTING)


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


def _tables(tables: Tables, known: Known) -> list[tuple[Table, bool]]:
    return [(best_table(tables["best_calibration"], kinds_of(known)), True), (choices_table(tables, known), True)]


SECTION = Section(
    title="What each calibration costs",
    files={
        "best_calibration": "loss and regret of every calibration, and how sure the best one is",
        "predictors": "how well overlap of masks, input norms and local error foretell which calibration serves",
        "predicted_picks": "what they would have picked for each language",
        "choices": "ways to choose a calibration, side by side",
        "one_for_all": "one calibration for all languages: mean drop and that of the worst language",
        "input_similarity": "how alike two calibrations feed the model: correlation of input norms",
    },
    applies=lambda best: best["calibration"].n_unique() > 1,
    draw=regrets,
    words=of_regrets,
    tables=_tables,
)
