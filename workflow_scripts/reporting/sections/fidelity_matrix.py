"""Whether continuations keep to the language."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl

from workflow_scripts.analysis.families import SIGNIFICANT
from workflow_scripts.reporting.kit import heat, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.effect_tables import effects_table, single_masks
from workflow_scripts.reporting.kit.labels import listed, many, percent, signed
from workflow_scripts.reporting.kit.maps import GRADIENT, Bar, HeatMap
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.tables import Column, Table
from workflow_scripts.reporting.kit.written import (
    DENSE,
    IN_LANGUAGE,
    REPETITION,
    WRITTEN_BY,
    calibrated_words,
    maps,
    of_written,
    own_and_ends,
    panels,
)

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("fidelity_matrix.rst",)

METHOD = (
    "Continuations are the likeliest token at a time. Their language is told by py3langid among the study's "
    "languages and the most frequent others; their script from Unicode's property of letters; repetition is the "
    "share of 4-grams of tokens that have been there before in the text. Effects take the probability of other "
    "languages and that share, with texts in the place of documents."
)


class Example(NamedTuple):
    """What follows a prompt: where it stands, the language, the prompt, and pairs of calibration and text."""

    title: str
    language: str
    prompt: str
    texts: list[tuple[str, str]]


def fidelity_bar() -> Bar:
    """The colours of shares of texts and 4-grams."""
    return Bar(GRADIENT, "0 %", "100 %", "texts in another language; 4-grams that have been there before")


def fidelity_gaps(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """A sentence for each language that the identification of languages does not know."""
    rows = tables["fidelity_matrix"].filter(pl.col("in_language").is_null())
    return [
        f"{labels.language_name(name)}: the identification of languages does not know it; only script and repetition count."
        for name in sorted(set(rows["language"]))
    ]


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
            f"{percent(row['in_language'])} {calibrated_words(row)}"
            + (f" (others mostly in {labels.language_name(row['instead'])})" if row["instead"] else "")
            for row in own_and_ends(cells, language, "in_language")
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


def fidelity_table(fidelity_matrix: pl.DataFrame, known: Known | None = None) -> Table:
    """What is measured of continuations, a row per method, calibration and language, the dense model first."""
    columns = [
        *WRITTEN_BY,
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
    return of_written("fidelity", "Continuations of prompts, means over seeds", fidelity_matrix, columns, known)


def _tables(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[Table, bool]]:
    """The measures, and a table of effects, or of differences within single masks, per unit."""
    effects = tables["fidelity_effects"]
    made = [(fidelity_table(tables["fidelity_matrix"], known), False)]
    for number, (_, rows) in enumerate(effects.partition_by("unit", as_dict=True).items()):
        caption = f"{labels.capital(rows['unit'][0])} with own language against every other calibration"
        made.append((effects_table(rows, f"every_calibration_fidelity_{number}", caption, known), False))
        made += single_masks(tables, rows["unit"], f"single_masks_fidelity_{number}", known)
    return made


def _maps(tables: Tables, known: Known) -> tuple[list[HeatMap], Bar]:
    return maps(tables["fidelity_matrix"], [IN_LANGUAGE, REPETITION], known), fidelity_bar()


SECTION = Section(
    title="Whether the pruned models keep to the language",
    method=METHOD,
    files={
        "fidelity_matrix": "language, script and repetition of continuations",
        "fidelity_effects": "language and repetition with own language against every other calibration, with intervals",
        "continuation_examples": "continuations side by side",
    },
    maps=_maps,
    tables=_tables,
    findings=fidelity_findings,
    gaps=fidelity_gaps,
    examples=lambda tables: examples(tables["continuation_examples"]),
)
