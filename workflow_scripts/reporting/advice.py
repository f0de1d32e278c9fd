"""The recommendation in plain words: which calibration for which language, and which one for all; the table has the rest."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.labels import capital, listed, many, percent
from workflow_scripts.reporting.kit.tables import Column, Table, make_table, regret_and_interval


def advice_sentences(best: pl.DataFrame, reference: str | None) -> Iterator[str]:
    """What to calibrate in, of one method and setting.

    Args:
        best: rows of `best_calibration`.
        reference: the language that headlines compare with.
    """
    groups = [best.filter(pl.col("language") == language) for language in labels.in_order(best["language"])]
    groups = [group for group in groups if group.height > 1]
    untested = [group for group in groups if group["among_best"].null_count()]
    clear = [group for group in groups if group["among_best"].sum() == 1]
    open_ = [group for group in groups if group["among_best"].sum() > 1]
    if clear:
        yield f"One calibration is better than every other for {_of(clear, groups)}: {listed(map(_choice, clear))}."
    if open_:
        sure = listed(f"{_choice(group)} ({percent(_winner(group)['chosen'])})" for group in open_)
        yield (
            f"No calibration is clearly the best for {_of(open_, groups)}. Lowest loss, and in which share of resamples: {sure}."
        )
    if untested:
        yield (
            f"Lowest loss: {listed(map(_choice, untested))}. An indication only: there are {untested[0]['reason'][0]}."
        )
    costs = [row for group in groups for row in _rows_of(group, reference) if _winner(group)["best"] != reference]
    clearly = [row for row in costs if row["low"] is not None and row["low"] > 0 and row["relative"] is not None]
    if clearly:
        dearest = sorted(clearly, key=lambda row: -row["relative"])
        parts = listed(
            f"{labels.language_name(row['language'])} {percent(row['relative'])} ({labels.signed(row['low'])} to "
            f"{labels.signed(row['high'])} {row['unit']})"
            for row in dearest
        )
        yield f"{labels.language_name(reference)} instead adds to what pruning costs: {parts}."


def for_all_sentences(drops: pl.DataFrame) -> Iterator[str]:
    """One calibration for all evaluated languages, of one method and setting; rows of `one_for_all`."""
    if drops.height < 2 or drops["languages"][0] < 2:
        return
    ordered = drops.sort("worst_drop", "calibration")
    first, last = (ordered.row(place, named=True) for place in (0, -1))
    yield (
        f"One calibration for all {first['languages']} languages: {_named(first['calibration'])} hurts its worst language "
        f"least, {labels.language_name(first['worst_language'])}, whose loss grows by {_drop(first)}; it does so in "
        f"{percent(first['chosen'])} of resamples. {capital(_named(last['calibration']))} hurts its own most: the loss "
        f"of {labels.language_name(last['worst_language'])} grows by {_drop(last)}."
    )


PREDICTORS = {
    "mask_overlap": "overlap of masks with the language's own",
    "input_norms": "likeness of input norms to those of the language's own texts",
    "local_error": "small local error",
}
"""Predictor -> what it goes by, in a sentence."""


def predictor_sentences(predictors: pl.DataFrame, picks: pl.DataFrame, unit: str) -> Iterator[str]:
    """What could have been known before evaluating, of one method and setting.

    Args:
        predictors: rows of `predictors`.
        picks: rows of `predicted_picks`.
        unit: of regret.
    """
    for row in predictors.sort("predictor", descending=True).iter_rows(named=True):
        if row["rho"] is None:
            continue
        own = picks.filter(pl.col("predictor") == row["predictor"])
        right = own.filter(pl.col("pick") == pl.col("best_other")).height
        chosen, chance = (labels.signed(own[name].mean()) for name in ("regret", "mean_regret"))
        yield (
            f"Without evaluating, {PREDICTORS[row['predictor']]} would have told calibration languages apart with a "
            f"rank correlation of {labels.signed(row['rho'], 2)}{_certainty(row)}. For a language without texts of its own "
            f"it picks the best other one in {right} of {many(own.height, 'case')}, at a mean regret of {chosen} {unit} "
            f"({chance} at random)."
        )


def _certainty(row: Mapping[str, Any]) -> str:
    interval = labels.span(row["low"], row["high"], 2) if row["low"] is not None else ""
    p_value = labels.p_value(row["p_value"]) if row["p_value"] is not None else ""
    told = "; ".join(filter(None, (interval, p_value, row["reason"])))
    return f" ({told})" if told else ""


def _of(some: list[pl.DataFrame], groups: list[pl.DataFrame]) -> str:
    return f"{len(some)} of {many(len(groups), 'language')}"


def _winner(group: pl.DataFrame) -> dict[str, Any]:
    return group.row(by_predicate=pl.col("calibration") == pl.col("best"), named=True)


def _choice(group: pl.DataFrame) -> str:
    row = _winner(group)
    own = row["best"] == row["language"]
    return f"for {labels.language_name(row['language'])} {'its own' if own else _named(row['best'])}"


def _rows_of(group: pl.DataFrame, calibration: str | None) -> list[dict[str, Any]]:
    return group.filter(pl.col("calibration") == calibration).to_dicts()


def _named(calibration: str) -> str:
    return labels.language_name(calibration)


def _drop(row: Mapping[str, Any]) -> str:
    drop = f"{100 * row['worst_drop']:.1f}\N{NO-BREAK SPACE}%"
    if row["worst_drop_low"] is None:
        return drop
    return f"{drop} ({100 * row['worst_drop_low']:.1f} to {100 * row['worst_drop_high']:.1f})"


def advice_tables(tables: Mapping[str, pl.DataFrame], kinds: Mapping[str, str]) -> list[Table]:
    """Which calibration for which language, and which for all; of studies with a choice of calibrations."""
    best = tables["best_calibration"]
    if best["calibration"].n_unique() < 2:
        return []
    made = [advice_table(best, labels.reference_of(tables["effects"], kinds), kinds)]
    several = tables["one_for_all"].filter(pl.col("languages") > 1)
    return made + ([one_for_all_table(several, kinds)] if several.height else [])


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
            Column(f"{name} instead costs ({unit})", "regret", regret_and_interval, parts),
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


def _drop_and_interval(drop: str) -> Callable[[dict[str, Any]], str]:
    def words(row: dict[str, Any]) -> str:
        mean, low, high = (
            None if row[f"{drop}{end}"] is None else f"{100 * row[f'{drop}{end}']:.1f}" for end in ("", "_low", "_high")
        )
        return f"{mean}\N{NO-BREAK SPACE}%" if low is None else f"{mean}\N{NO-BREAK SPACE}% ({low} to {high})"

    return words
