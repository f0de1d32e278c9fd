"""The overview at a glance: per evaluated language and method, whether its own calibration is better."""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from workflow_scripts.reporting import labels
from workflow_scripts.reporting.summary import SIGNIFICANT
from workflow_scripts.reporting.tooltips import effect

SIGNS = {"better": "▲", "worse": "▼", "open": "=", "untested": "?"}


class Verdict(NamedTuple):
    """What a comparison comes to: a kind of `SIGNS`, its difference, and the exact numbers."""

    kind: str
    sign: str
    difference: str
    words: str


class Overview(NamedTuple):
    """Comparisons with the reference; each row is a language with a verdict per column, None where there is none."""

    reference: str
    unit: str
    columns: list[str]
    rows: list[tuple[str, list[Verdict | None]]]


def overview(effects: pl.DataFrame, kinds: Mapping[str, str] | None = None) -> Overview | None:
    """All comparisons with the reference language; None where there is none to compare with."""
    reference = labels.reference_of(effects, kinds)
    if reference is None:
        return None
    head = labels.headline(effects, kinds)
    keys = [*labels.EVALUATION_SETTING, "method"]
    among = labels.settings(head, keys)
    places = {(*(row[key] for key in keys), row["own"]): verdict(row) for row in head.iter_rows(named=True)}
    rows = [
        (labels.with_code(own), [places.get((*setting.values(), own)) for setting in among])
        for own in labels.in_order(head["own"])
    ]
    titles = [_title(setting, among) for setting in among]
    return Overview(labels.language_name(reference), labels.units(head), titles, rows)


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
