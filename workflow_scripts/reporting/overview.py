"""The overview at a glance: per evaluated language and method, whether its own calibration is better."""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from workflow_scripts.analysis.families import SIGNIFICANT
from workflow_scripts.reporting.kit import labels
from workflow_scripts.reporting.kit.tooltips import effect

SIGNS = {"better": "▲", "worse": "▼", "open": "=", "untested": "?"}


class Verdict(NamedTuple):
    """What a comparison comes to: a kind of `SIGNS`, its difference, and the exact numbers."""

    kind: str
    sign: str
    difference: str
    words: str


class Overview(NamedTuple):
    """Comparisons with the reference, `margins`: those of cloze items among them.

    Each row is a language with a verdict per column, None where there is none.
    """

    reference: str
    unit: str
    margins: bool
    columns: list[str]
    rows: list[tuple[str, list[Verdict | None]]]


def overview(
    effects: pl.DataFrame, kinds: Mapping[str, str] | None = None, cloze_effects: pl.DataFrame | None = None
) -> Overview | None:
    """All comparisons with the reference language; None where there is none to compare with."""
    reference = labels.reference_of(effects, kinds)
    if reference is None:
        return None
    head = labels.headline(effects, kinds)
    # The same comparison by another measure has its columns behind.
    margins = head.clear() if cloze_effects is None else cloze_effects.filter(pl.col("other") == reference)
    keys = [*labels.EVALUATION_SETTING, "method"]
    titles, columns = [], []
    for rows, measure in ((head, ""), (margins, ": margin")):
        among = labels.settings(rows, keys)
        for setting in among:
            titles.append(_title(setting, among) + measure)
            own = labels.of_setting(rows, setting)
            columns.append({row["own"]: verdict(row) for row in own.iter_rows(named=True)})
    rows = [
        (labels.with_code(own), [column.get(own) for column in columns])
        for own in labels.in_order([*head["own"], *margins["own"]])
    ]
    return Overview(labels.language_name(reference), labels.units(head), margins.height > 0, titles, rows)


def verdict(row: dict) -> Verdict:
    """Better or worse only where Holm's correction leaves the difference."""
    if row["low"] is None:
        kind = "untested"
    elif row["p_holm"] < SIGNIFICANT:
        kind = "better" if row["difference"] < 0 else "worse"
    else:
        kind = "open"
    return Verdict(kind, SIGNS[kind], labels.signed(row["difference"]), effect(row))


def _title(setting: dict[str, str], among: list[dict[str, str]]) -> str:
    differing = [key for key in setting if key != "method" and len({one[key] for one in among}) > 1]
    words = [labels.pattern_words(setting[key]) if key == "pattern" else setting[key] for key in differing]
    return ", ".join([labels.method_name(setting["method"]), *words])
