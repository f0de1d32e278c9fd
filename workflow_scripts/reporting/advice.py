"""The recommendation in plain words: which calibration for which language, and which one for all."""

from collections.abc import Iterator, Mapping

import polars as pl

from workflow_scripts.reporting import labels
from workflow_scripts.reporting.labels import listed, percent

SURE = 0.95


def advice_sentences(best: pl.DataFrame, reference: str | None) -> Iterator[str]:
    """A sentence per evaluated language, of one method and setting; rows of `best_calibration`."""
    for language in labels.in_order(best["language"]):
        rows = best.filter(pl.col("language") == language)
        if rows.height < 2:
            continue
        [winner] = rows.filter(pl.col("calibration") == pl.col("best")).to_dicts()
        others = rows.filter(pl.col("among_best"), pl.col("calibration") != pl.col("best"))["calibration"].to_list()
        sure = f"best in {percent(winner['chosen'])} of resamples"
        if winner["among_best"] is None:
            told = f"{sure}; an indication only: {winner['reason']}"
        elif others:
            told = f"{sure}, but not to be told from {listed(map(labels.language_name, others))}"
        else:
            told = f"{sure}; every other calibration is worse"
        yield (
            f"For {labels.language_name(language)} calibrate in {labels.language_name(winner['best'])} ({told})."
            + _cost(rows, winner["best"], reference)
        )


def _cost(rows: pl.DataFrame, best: str, reference: str | None) -> str:
    against = rows.filter(pl.col("calibration") == reference).to_dicts()
    if reference == best or not against or against[0]["relative"] is None:
        return ""
    [row] = against
    share = (
        f" {labels.language_name(reference)} instead costs {percent(row['relative'])} more of what pruning costs there"
    )
    if row["low"] is None:
        return f"{share}."
    unclear = "; the interval includes zero" if row["low"] <= 0 <= row["high"] else ""
    return f"{share} ({labels.signed(row['low'])} to {labels.signed(row['high'])} {row['unit']}{unclear})."


def for_all_sentences(drops: pl.DataFrame) -> Iterator[str]:
    """One calibration for all evaluated languages, of one method and setting; rows of `one_for_all`."""
    if drops.height < 2 or drops["languages"][0] < 2:
        return
    ordered = drops.sort("worst_drop", "calibration")
    first, last = (ordered.row(place, named=True) for place in (0, -1))
    yield (
        f"One calibration for all {first['languages']} languages: {labels.language_name(first['calibration'])} hurts its "
        f"worst language least, {labels.language_name(first['worst_language'])}, whose loss grows by "
        f"{_drop(first)}; it has the lowest worst drop in {percent(first['chosen'])} of resamples. With "
        f"{labels.language_name(last['calibration'])} that of {labels.language_name(last['worst_language'])} grows by "
        f"{_drop(last)}."
    )


def _drop(row: Mapping) -> str:
    drop = f"{100 * row['worst_drop']:.1f}\N{NO-BREAK SPACE}%"
    if row["worst_drop_low"] is None:
        return drop
    return f"{drop} ({100 * row['worst_drop_low']:.1f} to {100 * row['worst_drop_high']:.1f})"
