"""Downstream tasks in plain words: what is left, what the calibration language changes, over clusters and seeds."""

from collections.abc import Iterator, Mapping

import polars as pl

from workflow_scripts.analysis.families import SIGNIFICANT
from workflow_scripts.analysis.tasks import POINTS
from workflow_scripts.reporting import labels
from workflow_scripts.reporting.calibrations import Known, kinds_of
from workflow_scripts.reporting.knowledge import accuracies, panels
from workflow_scripts.reporting.labels import listed, many, probability, signed
from workflow_scripts.reporting.summary import effect_sentences


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
