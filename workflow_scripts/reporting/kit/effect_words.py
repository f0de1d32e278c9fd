"""Differences between calibrations in sentences."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from workflow_scripts.analysis.families import SIGNIFICANT
from workflow_scripts.analysis.power import POWER
from workflow_scripts.analysis.tasks import POINTS
from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.labels import capital, listed, many, percent, signed


def effect_sentences(head: pl.DataFrame, name: str = "", differences_alone: bool = False) -> list[str]:
    """Own language against another calibration, for one method, setting and corpus.

    Args:
        head: rows of `effects` or of a table like it.
        name: what they are compared with; by default the language in `other`, which is then one.
        differences_alone: leave out what Holm's correction keeps, and how much of the pruning loss the differences are.
    """
    if head.is_empty():
        return ["There is no evaluated language with a calibration of its own and another one to compare it with."]
    name, head = name or labels.language_name(head["other"][0]), head.sort("difference")
    tested, untested = head.filter(pl.col("low").is_not_null()), head.filter(pl.col("low").is_null())
    unit, takes, sentences = labels.units(head), _takes(head), []
    for rows, verb in ((below(tested), "fewer"), (above(tested).reverse(), "more")):
        if rows.height:
            parts = listed(
                f"{labels.language_name(row['own'])} {abs(row['difference']):.3f} "
                f"(95\N{NO-BREAK SPACE}% interval {_range(row['low'], row['high'])})"
                for row in rows.iter_rows(named=True)
            )
            sentences.append(
                f"Calibrating in the evaluated language instead of {name} {takes} {verb} {unit} in "
                f"{rows.height} of {many(tested.height, 'language')}: {parts}."
            )
    clear = tested.filter((pl.col("low") > 0) | (pl.col("high") < 0))
    if clear.height and not differences_alone:
        sentences.append(_holm_sentence(clear))
    for row in _unclear(tested).iter_rows(named=True):
        sentences.append(
            f"In {labels.language_name(row['own'])} no difference from {name} could be shown: "
            f"{signed(row['difference'])} {unit}, and the interval from {signed(row['low'])} to "
            f"{signed(row['high'])} includes zero{_detectable(row)}."
        )
    sentences += _untested_sentences(untested, name)
    return sentences + ([] if differences_alone else _share_sentences(below(tested), name))


def _untested_sentences(rows: pl.DataFrame, name: str) -> list[str]:
    if rows.is_empty():
        return []
    parts = listed(
        f"{labels.language_name(row['own'])} {signed(row['difference'])} (fewer on {row['documents_better']} of "
        f"{many(row['documents'], labels.texts(rows))})"
        for row in rows.iter_rows(named=True)
    )
    ahead = rows.filter(pl.col("difference") < 0).height
    return [
        f"For these masks alone, calibrating in the evaluated language instead of {name} {_takes(rows)} fewer "
        f"{labels.units(rows)} in {ahead} of {many(rows.height, 'language')}: {parts}.",
        f"No interval is given: {listed(rows['reason'].unique().sort())}.",
    ]


def _detectable(row: Mapping[str, Any]) -> str:
    """What a comparison that shows nothing could have shown."""
    if row["detectable"] is None:
        return ""
    chance = percent(POWER)
    return f"; a difference of {row['detectable']:.3f} or more would have been found with a probability of {chance} or more"


def _takes(rows: pl.DataFrame) -> str:
    """What a variant does with the unit: margins and points of accuracy are lost, bits are taken."""
    return "loses" if set(labels.KEPT) & set(rows["unit"]) else "takes"


def _holm_sentence(rows: pl.DataFrame) -> str:
    kept, clear = rows.filter(pl.col("p_holm") < SIGNIFICANT).height, rows.height
    family = "task, method and pattern" if POINTS in set(rows["unit"]) else "method and pattern"
    corrected = f"after Holm's correction for all comparisons of this {family}"
    if kept in (0, clear):
        return f"{'All of this holds' if kept else 'None of this holds'} {corrected}."
    return f"{capital(corrected)}, {kept} of {many(clear, 'difference')} {'holds' if kept == 1 else 'hold'}."


def _share_sentences(better: pl.DataFrame, name: str) -> list[str]:
    rows = better.filter(pl.col("relative").is_not_null()).sort("relative", descending=True)
    shares = rows.select("own", "relative").iter_rows()
    named = [(percent(-share), labels.language_name(own)) for own, share in shares]
    if not named:
        return []
    if len(named) == 1:
        return [f"Calibrating in {name} instead adds {named[0][0]} to the loss that pruning causes in {named[0][1]}."]
    low, high = (f"{share} ({language})" for share, language in (named[0], named[-1]))
    return [f"Calibrating in {name} instead adds between {low} and {high} to the loss that pruning causes."]


def below(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("high") < 0)


def above(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("low") > 0)


def _unclear(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col("low") <= 0, pl.col("high") >= 0)


def _range(low: float, high: float) -> str:
    """An interval that excludes zero, by size and without sign."""
    small, large = sorted((abs(low), abs(high)))
    return f"{small:.3f} to {large:.3f}"
