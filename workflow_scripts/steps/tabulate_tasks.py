"""Step: gather the items of all tasks and variants of a study in one long table."""

import json
from itertools import product
from pathlib import Path

import polars as pl

from workflow_scripts.analysis.gather import LABELS, gather, labels_of, refuse_foreign
from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.artifacts.paths import Grid, task_path
from workflow_scripts.runtime.command_line import run_step

TASKS_TABLE = pl.Schema(
    dict(LABELS)
    | {"item_id": pl.String, "hash": pl.String, "cluster": pl.String, "answer": pl.Int32}
    | {"loglikelihoods": pl.List(pl.Float64), "lengths": pl.List(pl.Int32), "margin": pl.Float64}
    | {"correct": pl.Float64, "chance": pl.Float64}
)


def tabulate_tasks(*, results: Path, grid: str, languages: str, items: str, output: Path, code: str = "") -> None:
    """Write a row per model, variant, task, language and item.

    Args:
        results: folder of the artifacts; the paths below it follow from the grid.
        grid: the study's grid as JSON, see `paths.Grid`.
        languages: JSON, name of a task -> the languages that it is asked in.
        items: how many items of a task were asked, as in paths.
        output: the table.
        code: digest of this step's code.

    Raises:
        ArtifactError: items were answered by another model than belongs there, or a file is a copy of another.
    """
    spanned, asked_in = Grid.from_json(json.loads(grid)), json.loads(languages)
    asked = [(task, language) for task in asked_in for language in asked_in[task]]
    files, belonging = {}, {}
    for model, variant, (task, language) in product(spanned.models, spanned.variants(), asked):
        path = task_path(results, model, variant, f"{task}-{items}", language)
        files[path] = labels_of(spanned, model, variant, corpus=task, language=language)
        belonging[path] = Path(results, "models", model, "provenance.json")
    refuse_foreign("model", belonging)
    table = gather(files).sort("model", "variant", "corpus", "language", "item_id").cast(dict(TASKS_TABLE))
    told = {"grid": json.loads(grid), "languages": asked_in, "asked": items}
    inputs = {"tasks": list(files), "models": sorted(set(belonging.values()))}
    write_table(output, table.to_arrow(), make_provenance("tabulate_tasks", told, code, inputs))


if __name__ == "__main__":
    run_step(tabulate_tasks)
