"""Step: from the long tables of a study to its matrices, effects, overlaps and errors."""

import json
from pathlib import Path

import polars as pl

from workflow_scripts.analysis.tables import analyse
from workflow_scripts.artifacts import make_provenance, write_table
from workflow_scripts.cli import run_step


def compare_calibrations(
    *, perplexity: Path, overlap: list[Path], layers: Path, monolingual: str, tables: list[Path], code: str = ""
) -> None:
    """Write the tables that figures and report are made of, each under its name.

    Args:
        perplexity: the long table of perplexity.
        overlap: the overlap tables of all models, methods and patterns.
        layers: the long table of the errors of linears.
        monolingual: the calibrations in one language, as a JSON list.
        tables: files to write, `{name}.parquet` for the names of `analysis.tables.analyse`.
        code: digest of this step's code.
    """
    parameters = {"monolingual": json.loads(monolingual)}
    inputs = {"perplexity": perplexity, "overlap": overlap, "layers": layers}
    provenance = make_provenance("compare_calibrations", parameters, code, inputs)
    overlaps = pl.concat(map(pl.read_parquet, overlap))
    made = analyse(pl.read_parquet(perplexity), overlaps, pl.read_parquet(layers), parameters["monolingual"])
    for path in tables:
        write_table(path, made[path.stem].to_arrow(), provenance)


if __name__ == "__main__":
    run_step(compare_calibrations)
