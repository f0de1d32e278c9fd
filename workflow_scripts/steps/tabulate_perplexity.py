"""Step: gather the perplexity of all variants of a study in one long table."""

import json
from itertools import product
from pathlib import Path

import polars as pl

from workflow_scripts.analysis.gather import LABELS, gather, labels_of, refuse_foreign
from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.artifacts.paths import Grid, perplexity_path, tokens_path
from workflow_scripts.runtime.command_line import run_step

PERPLEXITY_TABLE = pl.Schema(
    dict(LABELS)
    | {"doc_id": pl.String, "nats": pl.Float64}
    | {c: pl.Int32 for c in ("tokens", "bytes", "characters")}
    | {"divergence": pl.Float64, "agreement": pl.Int32}
    | {"register": pl.String}
)


def tabulate_perplexity(*, results: Path, corpus: str, grid: str, output: Path, code: str = "") -> None:
    """Write a row per model, variant, evaluation language and document.

    Args:
        results: folder of the artifacts; the paths below it follow from the grid.
        corpus: the corpus evaluated on.
        grid: the study's grid as JSON, see `paths.Grid`.
        output: the table.
        code: digest of this step's code.

    Raises:
        ArtifactError: a perplexity is of other tokens than belong there, or a copy of another.
    """
    spanned = Grid.from_json(json.loads(grid))
    evaluation = spanned.evaluation
    tokens = {
        (model, language): tokens_path(results, model, corpus, language)
        for model, language in product(spanned.models, spanned.languages)
    }
    files, belonging = {}, {}
    for model, variant, language in product(spanned.models, spanned.variants(), spanned.languages):
        path = perplexity_path(results, model, variant, evaluation, language)
        files[path] = labels_of(spanned, model, variant, corpus=evaluation, language=language)
        belonging[path] = tokens[model, language]
    refuse_foreign("tokens", belonging)
    registers = pl.concat(
        pl.read_parquet(path, columns=["doc_id", "register"])
        .unique("doc_id")
        .select(pl.lit(model).alias("model"), pl.lit(language).alias("language"), pl.all())
        for (model, language), path in tokens.items()
    )
    table = gather(files).join(registers, on=["model", "language", "doc_id"], how="left")
    inputs = {"perplexity": list(files), "tokens": list(tokens.values())}
    parameters = {"grid": json.loads(grid), "corpus": corpus}
    provenance = make_provenance("tabulate_perplexity", parameters, code, inputs)
    table = table.sort("model", "variant", "language", "doc_id").select(PERPLEXITY_TABLE.names())
    write_table(output, table.cast(dict(PERPLEXITY_TABLE)).to_arrow(), provenance)


if __name__ == "__main__":
    run_step(tabulate_perplexity)
