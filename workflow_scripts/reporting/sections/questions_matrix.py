"""What pruned models answer to open questions."""

from collections.abc import Iterator, Mapping

import polars as pl

from workflow_scripts.reporting.kit import heat, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.effect_tables import effects_table, single_masks
from workflow_scripts.reporting.kit.effect_words import effect_sentences
from workflow_scripts.reporting.kit.labels import listed, percent
from workflow_scripts.reporting.kit.maps import GRADIENT, Bar, HeatMap
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.tables import Column, Table
from workflow_scripts.reporting.kit.written import (
    F1,
    WRITTEN_BY,
    calibrated_words,
    maps,
    of_written,
    own_and_ends,
    panels,
)

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("questions_matrix.rst",)

METHOD = (
    "Open questions are put without examples. The first line that a model writes is its answer; it is compared with "
    "gold answers as MKQA's evaluation does, without case, punctuation and articles, in Chinese character by "
    "character, and of several gold answers the best counts. Effects are in nats of the likeliest gold answer, with "
    "questions in the place of documents."
)


def questions_bar() -> Bar:
    """The colours of F1, from the dense model's to none."""
    return Bar(GRADIENT, "as the dense model", "nothing", "F1 of the dense model that is lost")


def questions_gaps(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """A sentence for each evaluated language that the questions are not in."""
    missing = set(tables["mean_matrix"]["language"]) - set(tables["questions_matrix"]["language"])
    return [f"{labels.language_name(name)}: the questions are not in that language." for name in sorted(missing)]


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
        parts = [f"{percent(row['f1'])} {calibrated_words(row)}" for row in own_and_ends(cells, language, "f1")]
        yield (
            f"{labels.language_name(language)}: the dense model answers {percent(dense['exact_match'])} of "
            f"{dense['items']} questions exactly right, with an F1 of {percent(dense['f1'])}; the F1 of pruned models is "
            f"{listed(parts)}."
        )


def questions_table(questions_matrix: pl.DataFrame, known: Known | None = None) -> Table:
    """Answers to open questions, a row per method, calibration and language, the dense model first."""
    columns = [
        *WRITTEN_BY,
        Column("exactly right", "exact_match", labels.percent),
        Column("F1", "f1", labels.percent),
        Column("nats of the likeliest gold answer", "loglikelihood", labels.signed),
        Column("the same per token", "loglikelihood_per_token", labels.signed),
        Column("questions", "items"),
        Column("seeds", "seeds"),
    ]
    return of_written("answers", "Answers to open questions, means over seeds", questions_matrix, columns, known)


def _maps(tables: Tables, known: Known) -> tuple[list[HeatMap], Bar]:
    return maps(tables["questions_matrix"], [F1], known), questions_bar()


def _tables(tables: Tables, known: Known) -> list[tuple[Table, bool]]:
    every, effects = (
        "Nats per gold answer with own language against every other calibration",
        tables["questions_effects"],
    )
    return [
        (questions_table(tables["questions_matrix"], known), False),
        (effects_table(effects, "every_calibration_answers", every, known), False),
        *single_masks(tables, effects["unit"], "single_masks_answers", known),
    ]


SECTION = Section(
    title="What the pruned models answer",
    method=METHOD,
    files={
        "questions_matrix": "answers to open questions",
        "questions_effects": "nats of gold answers with own language against every other calibration, with intervals",
    },
    maps=_maps,
    tables=_tables,
    findings=questions_findings,
    gaps=questions_gaps,
)
