"""The jobs of a study, counted from its grid as the workflow counts them. Imports no torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from workflow_scripts.artifacts.paths import Grid
from workflow_scripts.pruning.methods.declaring import declared_methods
from workflow_scripts.study import Study, numbered
from workflow_scripts.study.sections import Control


@dataclass(frozen=True)
class JobKind:
    """Jobs of one rule that cost the same.

    Attributes:
        rule: the rule's name.
        task: what a job does, which decides its cost: see `effort.COSTS`.
        jobs: how many there are.
        model: the model they work on, None where they work on none or on all.
        method: the pruning method, for jobs that prune.
        pattern: its pattern, as in paths.
        variants: how many variants one job takes in turn.
        asked: how many downstream tasks it asks of each.
    """

    rule: str
    task: str
    jobs: int
    model: str | None = None
    method: str | None = None
    pattern: str | None = None
    variants: int = 1
    asked: int = 0


def documents_read(study: Study) -> set[tuple[str, str]]:
    """The pairs of corpus and language that the study draws on."""
    drawn = study.calibration_languages().items()
    calibration = {(corpus, language) for corpus, languages in drawn for language in languages}
    return calibration | {(study.evaluation.corpus, language) for language in study.evaluation.languages}


def job_kinds(study: Study) -> Iterator[JobKind]:
    """All jobs of a study that has no results yet, stage by stage in the order of the pipeline."""
    return (kind for kind in _stages(study) if kind.jobs)


def _stages(study: Study) -> Iterator[JobKind]:
    grid = study.grid()
    yield JobKind("collect_documents", "collect", len(documents_read(study)))
    for stage in (_prepare, _prune, _evaluate, _overlap):
        for model in grid.models:
            yield from stage(study, model)
    evaluation = study.evaluation
    asked, continued = evaluation.question_languages(), evaluation.continuation_languages()
    yield JobKind("collect_questions", "collect", len(asked))
    cloze = ["tabulate_cloze"] if grid.cloze_languages else []
    tasks = ["tabulate_tasks"] if study.evaluation.task_sets() else []
    generated = ["tabulate_questions"] * bool(asked) + ["tabulate_continuations"] * bool(continued)
    for rule in (
        "tabulate_perplexity",
        "tabulate_layers",
        *cloze,
        *tasks,
        *generated,
        "compare_calibrations",
        *_inside(study),
        "draw_figures",
        "write_report",
    ):
        yield JobKind(rule, rule, 1)


def _inside(study: Study) -> Iterator[str]:
    """The rules that compare what is seen inside of models."""
    for name in ("representations", "activations"):
        if getattr(study.evaluation, name):
            yield f"compare_{name}"


def job_counts(study: Study) -> dict[str, int]:
    """Rule -> number of jobs."""
    counts: dict[str, int] = {}
    for kind in job_kinds(study):
        counts[kind.rule] = counts.get(kind.rule, 0) + kind.jobs
    return counts


def _prepare(study: Study, model: str) -> Iterator[JobKind]:
    grid = study.grid()
    yield JobKind("prepare_model", "prepare", 1, model)
    yield JobKind("tokenize_documents", "tokenize", len(documents_read(study)), model)
    yield JobKind("tokenize_cloze", "tokenize", len(grid.cloze_languages), model)
    for task in ("control", "generate"):
        made = [control for control in _controls(study) if (control.kind == "generated") == (task == "generate")]
        yield JobKind("make_control", task, len(made), model)
    yield JobKind("sample_calibration", "sample", len(grid.calibrations) * len(grid.seeds), model)


def _controls(study: Study) -> list[Control]:
    """The controls whose texts are made, from those of a language."""
    section = study.calibration
    drawn = [section.controls[name] for name in section.calibrations if name in section.controls]
    return [control for control in drawn if control.kind != "corpus"]


def _prune(study: Study, model: str) -> Iterator[JobKind]:
    grid = study.grid()
    for pattern in grid.patterns:
        yield JobKind("prune_model", "prune", 1, model, "magnitude", pattern)
    for method, pattern in product(grid.methods, grid.patterns):
        rule = "prune_model_and_weights" if declared_methods()[method].changes_weights else "prune_model"
        yield JobKind(rule, "prune", len(grid.calibrations) * len(grid.seeds), model, method, pattern)


def _evaluate(study: Study, model: str) -> Iterator[JobKind]:
    grid = study.grid()
    yield JobKind("collect_states", "states", len(grid.languages), model)
    for rule, task, languages in (
        ("measure_perplexity", "perplexity", len(grid.languages)),
        ("score_cloze", "cloze", len(grid.cloze_languages)),
        ("answer_questions", "questions", len(study.evaluation.question_languages())),
        ("continue_prompts", "continuations", len(study.evaluation.continuation_languages())),
        ("collect_representations", "representations", len(grid.languages) * bool(study.evaluation.representations)),
        ("count_activations", "activations", len(grid.languages) * bool(study.evaluation.activations)),
    ):
        for ending, jobs, variants in _together(grid):
            yield JobKind(f"{rule}{ending}", task, jobs * languages, model, variants=variants)
    for number, (tasks, languages) in enumerate(study.evaluation.task_sets().items(), 1):
        for ending, jobs, variants in _together(grid):
            rule, jobs = numbered(f"score_tasks{ending}", number), jobs * len(languages)
            yield JobKind(rule, "tasks", jobs, model, variants=variants, asked=len(tasks))


def _together(grid: Grid) -> Iterator[tuple[str, int, int]]:
    """Of the jobs that evaluate a model in a language: the ending of the rule, how many there are, variants of each."""
    changing = sum(declared_methods()[method].changes_weights for method in grid.methods)
    yield "_uncalibrated", 1, len([*grid.uncalibrated()])
    yield "", len(grid.patterns) * (len(grid.methods) - changing), len(grid.calibrations) * len(grid.seeds)
    yield "_of_weights", len(grid.patterns) * changing * len(grid.calibrations), len(grid.seeds)


def _overlap(study: Study, model: str) -> Iterator[JobKind]:
    grid = study.grid()
    compared = 1 + len(grid.calibrations) * len(grid.seeds)
    yield JobKind("overlap_masks", "overlap", len(grid.methods) * len(grid.patterns), model, variants=compared)
