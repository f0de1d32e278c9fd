"""Downstream tasks: what is left, what the calibration language changes, over clusters and seeds."""

from collections.abc import Iterator, Mapping

import polars as pl
from matplotlib.figure import Figure

from workflow_scripts.analysis.cloze import MARGIN
from workflow_scripts.analysis.families import SIGNIFICANT
from workflow_scripts.analysis.tasks import POINTS
from workflow_scripts.reporting.kit import drawing, labels
from workflow_scripts.reporting.kit.calibrations import Known, kinds_of
from workflow_scripts.reporting.kit.effect_tables import effects_table, single_masks
from workflow_scripts.reporting.kit.effect_words import effect_sentences
from workflow_scripts.reporting.kit.intervals import effect_intervals, headline_of, of_effects
from workflow_scripts.reporting.kit.knowledge import (
    accuracies,
    accuracy_bar,
    accuracy_maps,
    accuracy_table,
    not_reported,
    panels,
)
from workflow_scripts.reporting.kit.labels import listed, many, probability, signed
from workflow_scripts.reporting.kit.maps import Bar, HeatMap
from workflow_scripts.reporting.kit.section import Section, Tables
from workflow_scripts.reporting.kit.svg import styled
from workflow_scripts.reporting.kit.tables import Table

# Counts as code: see `code_digest`.
PACKAGE_DATA = ("task_effects.rst", "task_matrix.rst")

METHOD = (
    "Tasks: an item's score is the task's main metric, and all items weigh equally. The random factor beside the "
    "seeds is the cluster, items that share a passage or premise; a cluster of another size than the mean enters as "
    "in the linearised variance of a ratio. A language is reported where the dense model is above chance, one-sided, "
    "by both an exact binomial test over items and a t-test over clusters, after Holm's correction. The sign-flip "
    "test exchanges the names of two calibrations cluster by cluster (all exchanges up to 13 clusters, else 9,999 "
    "random ones, and p = (b + 1) / 10,000): it holds the masks fixed and averages over seeds, so it speaks of these "
    "masks, and the interval of the languages. Pooled rows take the languages as given and the same item in several "
    "languages as one cluster."
)


def of_accuracy(task_effects: pl.DataFrame) -> pl.DataFrame:
    """The rows in points of accuracy, of single languages."""
    return task_effects.filter(pl.col("unit") == POINTS, ~pl.col("pooled"))


@styled
def accuracy_intervals(
    task_effects: pl.DataFrame, among: pl.DataFrame | None = None, known: Known | None = None
) -> Figure:
    """As `effect_intervals`, for the accuracy in tasks."""
    rows = of_accuracy(task_effects)
    if labels.headline(rows, kinds_of(known)).is_empty():
        return drawing.nothing("Nothing to compare where the dense model beats chance.")
    return effect_intervals(rows, among, known)


def task_findings(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[str, list[str]]]:
    """A heading (task, method and setting) and sentences for each."""
    shown = list(panels(tables["task_matrix"], known))
    effects = tables["task_effects"].filter(pl.col("unit") == POINTS)
    # What languages are compared with, pooled they are too.
    reference = labels.reference_of(effects, kinds_of(known)) or ""
    others = [{key: panel.setting[key] for key in labels.CALIBRATION_SETTING} for panel in shown]
    found = []
    for panel, other in zip(shown, others, strict=True):
        rows = labels.of_setting(effects.filter(pl.col("other") == reference), panel.setting)
        single, pooled = rows.filter(~pl.col("pooled")), rows.filter(pl.col("pooled"))
        sentences = [*accuracies(panel), *(effect_sentences(single) if single.height else [])]
        sentences += [*_together(pooled), *_of_these_masks(single), *_clusters(single)]
        method = labels.method_name(panel.setting["method"])
        found.append((f"{panel.setting['corpus']}: {method}, {labels.setting_title(other, others)}", sentences))
    return found


def _together(pooled: pl.DataFrame) -> Iterator[str]:
    """The languages of a task as one comparison."""
    for row in pooled.iter_rows(named=True):
        told = (
            f"Over {many(row['languages'], 'language')} together, own language minus "
            f"{labels.language_name(row['other'])}: {signed(row['difference'], 2)} points of accuracy lost"
        )
        if row["low"] is None:
            yield f"{told}; no interval is given: {row['reason']}."
        else:
            yield (
                f"{told} (95\N{NO-BREAK SPACE}% interval {labels.span(row['low'], row['high'], 2)}, "
                f"{_p(row['p_value'])}, after Holm’s correction {_p(row['p_holm'])})."
            )


def _of_these_masks(single: pl.DataFrame) -> Iterator[str]:
    """What the sign-flip test says, which holds the masks fixed."""
    if single.is_empty():
        return
    clear = single.filter(pl.col("p_sign_flip_holm") < SIGNIFICANT).sort("p_sign_flip_holm", "own")
    of_all = f"{clear.height} of {many(single.height, 'language')}"
    named = listed(
        f"{labels.language_name(row['own'])} ({'better' if row['difference'] < 0 else 'worse'}, "
        f"{_p(row['p_sign_flip_holm'])})"
        for row in clear.iter_rows(named=True)
    )
    yield (
        f"Of these masks alone, the sign-flip test finds a difference in accuracy in {of_all}, after Holm’s correction"
        f"{': ' + named if named else ''}."
    )


def _p(value: float) -> str:
    told = probability(value)
    return f"p {told.replace('<', '< ')}" if told.startswith("<") else f"p = {told}"


def _clusters(single: pl.DataFrame) -> Iterator[str]:
    """Whether items share passages, so that a reader counts the right units."""
    shared = single.filter(pl.col("clusters") < pl.col("documents"))
    if shared.height:
        row = shared.row(0, named=True)
        yield f"Intervals and tests take the {row['clusters']} passages as units, not the {row['documents']} items."


def _tables(tables: Mapping[str, pl.DataFrame], known: Known) -> list[tuple[Table, bool]]:
    made = [(accuracy_table(tables["task_matrix"], known, "task_accuracies"), False)]
    for unit, name, measure in ((POINTS, "accuracy", "Accuracy"), (MARGIN, "margin", "Margin")):
        effects = tables["task_effects"].filter(pl.col("unit") == unit)
        head = labels.headline(effects, kinds_of(known))
        against = labels.language_name(labels.reference_of(effects, kinds_of(known)) or "")
        named = (
            (head, f"own_language_task_{name}", f"{measure} in tasks with own language against {against}"),
            (effects, f"task_{name}", f"{measure} in tasks with own language against every other calibration"),
        )
        made += [
            (effects_table(rows, table, words, known), rows is head and unit == POINTS)
            for rows, table, words in named
            if rows.height
        ]
    return made + single_masks(tables, [POINTS], "single_masks_tasks", known)


def _maps(tables: Tables, known: Known) -> tuple[list[HeatMap], Bar]:
    return accuracy_maps(tables["task_matrix"], known), accuracy_bar()


SECTION = Section(
    title="Downstream tasks",
    method=METHOD,
    files={
        "task_matrix": "accuracy and margin of the items of tasks",
        "task_effects": "accuracy and margin with own language against every other calibration, with intervals",
    },
    shown=lambda effects, known: headline_of(of_accuracy(effects), known),
    draw=accuracy_intervals,
    words=of_effects,
    maps=_maps,
    maps_caption="task_matrix",
    tables=_tables,
    findings=task_findings,
    gaps=lambda tables: not_reported(tables["task_matrix"]),
)
