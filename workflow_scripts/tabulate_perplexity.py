"""Step: gather the perplexity of all variants of a study in one long table."""

import json
from itertools import product
from pathlib import Path

import polars as pl

from workflow_scripts.artifacts import ArtifactError, make_provenance, read_provenance, write_table
from workflow_scripts.cli import run_step
from workflow_scripts.paths import Grid, perplexity_path, tokens_path

PERPLEXITY_TABLE = pl.Schema(
    {c: pl.String for c in ("model", "variant", "method", "pattern", "sample", "propagation", "calibration")}
    | {"seed": pl.Int32, "corpus": pl.String, "language": pl.String, "doc_id": pl.String, "nats": pl.Float64}
    | {c: pl.Int32 for c in ("tokens", "bytes", "characters")}
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
    """
    spanned = Grid.from_json(json.loads(grid))
    cells = list(product(spanned.models, spanned.variants(), spanned.languages))
    registers = {
        (model, language): pl.read_parquet(
            tokens_path(results, model, corpus, language), columns=["doc_id", "register"]
        ).unique("doc_id")
        for model in spanned.models
        for language in spanned.languages
    }
    parts, files = [], []
    for model, variant, language in cells:
        files.append(perplexity_path(results, model, variant, spanned.evaluation, language))
        labels = {"model": model, "variant": variant.path, **vars(variant), "corpus": spanned.evaluation}
        part = pl.read_parquet(files[-1]).join(registers[model, language], on="doc_id", how="left")
        columns = [pl.lit(value).alias(key) for key, value in {**labels, "language": language}.items()]
        parts.append(part.select(*columns, pl.all()))
    refuse_mixed_settings(files)
    order = ["model", "variant", "language", "doc_id"]
    table = pl.concat(parts).sort(order).select(PERPLEXITY_TABLE.names()).cast(dict(PERPLEXITY_TABLE))
    provenance = make_provenance("tabulate_perplexity", {"grid": json.loads(grid)}, code, {"perplexity": files})
    write_table(output, table.to_arrow(), provenance)


def refuse_mixed_settings(files: list[Path]) -> None:
    """Raise ArtifactError when files were measured on different kinds of devices, in different precision or versions."""
    first = None
    for file in files:
        provenance = read_provenance(file)
        settings = {key: provenance["parameters"][key] for key in ("device", "dtype")}
        settings |= {key: provenance["versions"][key] for key in ("torch", "transformers")}
        first = first or (file, settings)
        if settings != first[1]:
            raise ArtifactError(
                f"{first[0]} was measured with {first[1]} and {file} with {settings}: differences between them are no "
                "effects of a calibration; delete the folder of one of them and run again with one compute.device."
            )


if __name__ == "__main__":
    run_step(tabulate_perplexity)
