"""All tables that figures and report are made of, from the long tables of a study."""

from collections.abc import Mapping

import polars as pl

from workflow_scripts.analysis.choices import choices
from workflow_scripts.analysis.cloze import cloze_losses, cloze_matrix
from workflow_scripts.analysis.clusters import mask_clusters
from workflow_scripts.analysis.divergence import divergence_losses
from workflow_scripts.analysis.effects import compare, losses
from workflow_scripts.analysis.errors import error_by_block, layer_errors
from workflow_scripts.analysis.fidelity import examples, fidelity_effects, fidelity_losses, fidelity_matrix
from workflow_scripts.analysis.inputs import input_similarity
from workflow_scripts.analysis.matrix import matrix, mean_matrix
from workflow_scripts.analysis.overlap import experts_together, pooled, positions
from workflow_scripts.analysis.predictors import predicted_picks, predictors
from workflow_scripts.analysis.questions import questions_losses, questions_matrix
from workflow_scripts.analysis.recommendation import best_calibration, one_for_all
from workflow_scripts.analysis.relations import overlap_relations
from workflow_scripts.analysis.seeds import FEWEST_SEEDS
from workflow_scripts.analysis.tasks import task_effects, task_losses, task_matrix
from workflow_scripts.analysis.within import within_mask


def analyse(
    perplexity: pl.DataFrame,
    overlap: pl.DataFrame,
    layers: pl.DataFrame,
    kinds: Mapping[str, str] | None = None,
    cloze: pl.DataFrame | None = None,
    tasks: pl.DataFrame | None = None,
    questions: pl.DataFrame | None = None,
    continuations: pl.DataFrame | None = None,
) -> dict[str, pl.DataFrame]:
    """All tables by name.

    They are `matrix`, `mean_matrix`, `effects` (own language against other languages), `baselines` (own language against
    mixtures and controls), `divergence_effects` (against all of them, in divergence from the dense model),
    `best_calibration` and `one_for_all` (one calibration for all languages), `predictors` and `predicted_picks` (what could
    have been known before) and `choices` (these and other ways to choose); `input_similarity`; of the overlap of masks,
    `overlap_by_pair`, `overlap_by_block`, `overlap_by_module` (pooled), `positions` and `positions_by_module` (from floor to
    ceiling), `mask_clusters` (who chooses alike) and `overlap_relations` (what overlap goes with); of the errors of linears, `layer_errors` and `error_by_block`; where cloze items were scored, `cloze_matrix`
    and `cloze_effects`; where tasks were, `task_matrix` and `task_effects`; where open questions were asked,
    `questions_matrix` and `questions_effects`; where prompts were continued, `fidelity_matrix`, `fidelity_effects` and
    `continuation_examples`; and where seeds are too few for an interval, `within_mask`.

    Args:
        perplexity: long table, one row per variant, corpus, language and document.
        overlap: long table, one row per pair of masks and linear; may have no rows.
        layers: long table, one row per calibrated variant and linear.
        kinds: calibration -> language, mixture or control; by default those named as an evaluated language are one.
        cloze: long table, one row per variant, language and item.
        tasks: long table, one row per variant, task, language and item.
        questions: long table, one row per variant, language and question.
        continuations: long table, one row per variant, language and prompt.

    Raises:
        ValueError: see `with_dense`, `compare` and `task_losses`.
    """
    rows, lost, diverged = matrix(perplexity), losses(perplexity), divergence_losses(perplexity)
    calibrations = set(lost["calibration"])
    kinds = kinds or dict.fromkeys(calibrations & set(lost["language"]), "language")
    languages = {name for name, kind in kinds.items() if kind == "language"}
    best, overlaps, errors = best_calibration(lost), positions(overlap), layer_errors(layers)
    alike = input_similarity(overlap)
    of_languages = best.filter(pl.col("calibration").is_in(languages))
    foretold = predictors(of_languages, overlaps, alike, errors)
    picks = predicted_picks(of_languages, overlaps, alike, errors)
    tables = {
        "matrix": rows,
        "mean_matrix": mean_matrix(rows),
        "effects": compare(lost, languages, languages),
        "baselines": compare(lost, languages, calibrations - languages, "baselines"),
        "divergence_effects": compare(diverged, languages, calibrations, "divergence_effects"),
        "best_calibration": best,
        "one_for_all": one_for_all(lost),
        "predictors": foretold,
        "predicted_picks": picks,
        "choices": choices(best, picks, kinds),
        "mask_clusters": mask_clusters(overlaps, languages),
        "overlap_relations": overlap_relations(foretold, overlaps, errors, languages),
        "input_similarity": alike,
        "overlap_by_pair": pooled(overlap),
        "overlap_by_block": pooled(overlap, ["block"]),
        "overlap_by_module": pooled(experts_together(overlap), ["module"]),
        "positions": overlaps,
        "positions_by_module": positions(experts_together(overlap), ["module"]),
        "layer_errors": errors,
        "error_by_block": error_by_block(layers),
    }
    single = [(lost, tables["effects"]), (diverged, tables["divergence_effects"])]
    if cloze is not None:
        known = cloze_losses(cloze)
        tables["cloze_matrix"] = cloze_matrix(cloze)
        tables["cloze_effects"] = compare(known, languages, calibrations, "cloze_effects")
        single.append((known, tables["cloze_effects"]))
    if tasks is not None:
        scored = task_losses(tasks)
        tables["task_matrix"] = task_matrix(tasks)
        tables["task_effects"] = task_effects(scored, languages, calibrations)
        single.append((scored, tables["task_effects"].filter(~pl.col("pooled"))))
    if questions is not None:
        tables["questions_matrix"] = questions_matrix(questions)
        asked = questions_losses(questions)
        tables["questions_effects"] = compare(asked, languages, calibrations, "questions_effects")
        single.append((asked, tables["questions_effects"]))
    if continuations is not None:
        tables["fidelity_matrix"] = fidelity_matrix(continuations)
        written = fidelity_losses(continuations)
        tables["fidelity_effects"] = fidelity_effects(written, languages, calibrations)
        tables["continuation_examples"] = examples(continuations, languages)
        single.append((written, tables["fidelity_effects"]))
    if too_few_seeds(perplexity):
        tables["within_mask"] = pl.concat(within_mask(*measured) for measured in single)
    return tables


def too_few_seeds(perplexity: pl.DataFrame) -> bool:
    """Whether no comparison of the study can have an interval that speaks of a language."""
    seeds = perplexity.filter(pl.col("calibration") != "none")["seed"].n_unique()
    return 0 < seeds < FEWEST_SEEDS
