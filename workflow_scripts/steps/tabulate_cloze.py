"""Step: gather the cloze items of all variants of a study in one long table."""

import json
from itertools import product
from pathlib import Path

import polars as pl

from workflow_scripts.analysis.gather import LABELS, gather, labels_of, refuse_foreign
from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.artifacts.paths import Grid, cloze_path, items_path
from workflow_scripts.runtime.command_line import run_step

CLOZE_TABLE = pl.Schema(
    dict(LABELS)
    | {"item_id": pl.String, "hash": pl.String, "category": pl.String, "answer": pl.Int32}
    | {"loglikelihoods": pl.List(pl.Float64), "tokens": pl.List(pl.Int32), "margin": pl.Float64, "correct": pl.Boolean}
)


def tabulate_cloze(*, results: Path, grid: str, output: Path, code: str = "") -> None:
    """Write a row per model, variant, language and item.

    Args:
        results: folder of the artifacts; the paths below it follow from the grid.
        grid: the study's grid as JSON, see `paths.Grid`.
        output: the table.
        code: digest of this step's code.

    Raises:
        ArtifactError: scores are of other items than belong there, or a copy of others.
    """
    spanned = Grid.from_json(json.loads(grid))
    corpus = f"cloze-{spanned.cloze}"
    files, belonging = {}, {}
    for model, variant, language in product(spanned.models, spanned.variants(), spanned.cloze_languages):
        path = cloze_path(results, model, variant, spanned.cloze, language)
        files[path] = labels_of(spanned, model, variant, corpus=corpus, language=language)
        belonging[path] = items_path(results, model, language)
    refuse_foreign("cloze", belonging)
    table = gather(files).sort("model", "variant", "language", "item_id").cast(dict(CLOZE_TABLE))
    provenance = make_provenance(
        "tabulate_cloze",
        {"grid": json.loads(grid)},
        code,
        {"cloze": list(files), "tokens": sorted(set(belonging.values()))},
    )
    write_table(output, table.to_arrow(), provenance)


if __name__ == "__main__":
    run_step(tabulate_cloze)
