"""Step: from the long tables of a study to its matrices, effects, overlaps and errors."""

import json
from pathlib import Path

import polars as pl

from workflow_scripts.analysis.tables import analyse
from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.runtime.command_line import run_step


def compare_calibrations(
    *,
    perplexity: Path,
    overlap: list[Path],
    layers: Path,
    kinds: str,
    tables: list[Path],
    cloze: Path | None = None,
    tasks: Path | None = None,
    questions: Path | None = None,
    continuations: Path | None = None,
    code: str = "",
) -> None:
    """Write the tables that figures and report are made of, each under its name.

    Args:
        perplexity: the long table of perplexity.
        overlap: the overlap tables of all models, methods and patterns.
        layers: the long table of the errors of linears.
        kinds: calibration -> language, mixture or control, as JSON.
        tables: files to write, `{name}.parquet` for the names of `analysis.tables.analyse`.
        cloze: the long table of cloze items, if any were scored.
        tasks: the long table of items of tasks, if any were scored.
        questions: the long table of answers to open questions, if any were asked.
        continuations: the long table of what follows prompts, if any were continued.
        code: digest of this step's code.
    """
    parameters = {"kinds": json.loads(kinds)}
    optional = {"cloze": cloze, "tasks": tasks, "questions": questions, "continuations": continuations}
    scored = {name: path for name, path in optional.items() if path}
    inputs = {"perplexity": perplexity, "overlap": overlap, "layers": layers} | scored
    provenance = make_provenance("compare_calibrations", parameters, code, inputs)
    overlaps = pl.concat(map(pl.read_parquet, overlap))
    items = {name: pl.read_parquet(path) for name, path in scored.items()}
    made = analyse(pl.read_parquet(perplexity), overlaps, pl.read_parquet(layers), parameters["kinds"], **items)
    for path in tables:
        # Tables of one form tell by their provenance which they are.
        told = parameters | {"table": path.stem}
        write_table(path, made[path.stem].to_arrow(), provenance | {"parameters": told})


if __name__ == "__main__":
    run_step(compare_calibrations)
