"""Step: gather the answers of all variants of a study to open questions in one long table."""

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import polars as pl

from workflow_scripts.analysis.gather import LABELS, gather, labels_of, refuse_foreign
from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.artifacts.paths import Grid, answers_path, questions_path
from workflow_scripts.runtime.command_line import run_step

QUESTIONS_TABLE = pl.Schema(
    dict(LABELS)
    | {c: pl.String for c in ("item_id", "hash", "type", "question", "prediction")}
    | {"exact_match": pl.Float64, "f1": pl.Float64, "golds": pl.Int32}
    | {"likeliest": pl.String, "loglikelihood": pl.Float64, "tokens": pl.Int32}
)


@dataclass(frozen=True)
class Parameters:
    """Which answers there are."""

    questions: str
    """name of the collected questions, as in paths"""
    sample: str
    """name of how they were asked, as in paths"""
    languages: list[str]


def tabulate_questions(*, results: Path, grid: str, parameters: Parameters, output: Path, code: str = "") -> None:
    """Write a row per model, variant, language and question.

    Args:
        results: folder of the artifacts; the paths below it follow from grid and parameters.
        grid: the study's grid as JSON, see `paths.Grid`.
        parameters: which answers there are.
        output: the table.
        code: digest of this step's code.

    Raises:
        ArtifactError: answers are to other questions than belong there, or a copy of others.
    """
    spanned, p = Grid.from_json(json.loads(grid)), parameters
    files, belonging = {}, {}
    for model, variant, language in product(spanned.models, spanned.variants(), p.languages):
        path = answers_path(results, model, variant, p.sample, language)
        files[path] = labels_of(spanned, model, variant, corpus=p.sample, language=language)
        belonging[path] = questions_path(results, p.questions, language)
    refuse_foreign("questions", belonging)
    table = gather(files).sort("model", "variant", "language", "item_id").cast(dict(QUESTIONS_TABLE))
    provenance = make_provenance(
        "tabulate_questions",
        {"grid": json.loads(grid)} | vars(p),
        code,
        {"answers": list(files), "questions": sorted(set(belonging.values()))},
    )
    write_table(output, table.to_arrow(), provenance)


if __name__ == "__main__":
    run_step(tabulate_questions)
