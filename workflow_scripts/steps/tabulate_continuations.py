"""Step: gather what all variants of a study write after prompts in one long table, and measure how faithful it is.

Measured here and not where it is written, for the languages that a text is told from are those of the study: a language more
makes no text anew.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import polars as pl

from workflow_scripts.analysis.gather import LABELS, gather, labels_of, refuse_foreign
from workflow_scripts.artifacts.files import make_provenance, write_table
from workflow_scripts.artifacts.paths import Grid, continuations_path, tokens_path
from workflow_scripts.evaluation.fidelity import Identifier, describe, main_script
from workflow_scripts.runtime.command_line import run_step

CONTINUATIONS_TABLE = pl.Schema(
    dict(LABELS)
    | {"doc_id": pl.String, "prompt": pl.String, "text": pl.String, "tokens": pl.Int32}
    | {"ended": pl.Boolean, "empty": pl.Boolean, "script_share": pl.Float64, "identified": pl.String}
    | {"probability": pl.Float64, "in_language": pl.Boolean, "repetition": pl.Float64, "distinct": pl.Float64}
)


@dataclass(frozen=True)
class Parameters:
    """Which continuations there are."""

    corpus: str
    """corpus that the prompts are from"""
    sample: str
    """name of the prompts and of how far they were continued, as in paths"""
    languages: list[str]
    judged_by: str
    """name and version of what tells the language, for the record"""


def tabulate_continuations(*, results: Path, grid: str, parameters: Parameters, output: Path, code: str = "") -> None:
    """Write a row per model, variant, language and prompt.

    Args:
        results: folder of the artifacts; the paths below it follow from grid and parameters.
        grid: the study's grid as JSON, see `paths.Grid`.
        parameters: which continuations there are.
        output: the table.
        code: digest of this step's code.

    Raises:
        ArtifactError: continuations are of other prompts than belong there, or a copy of others.
    """
    spanned, p = Grid.from_json(json.loads(grid)), parameters
    files, belonging = {}, {}
    for model, variant, language in product(spanned.models, spanned.variants(), p.languages):
        path = continuations_path(results, model, variant, p.sample, language)
        files[path] = labels_of(spanned, model, variant, corpus=p.sample, language=language)
        belonging[path] = tokens_path(results, model, p.corpus, language)
    refuse_foreign("tokens", belonging)
    judge = Identifier(p.languages)
    gathered = gather(files).partition_by("language", maintain_order=True)
    measured = pl.concat(pl.DataFrame(list(_measured(rows, judge)), CONTINUATIONS_TABLE) for rows in gathered)
    provenance = make_provenance(
        "tabulate_continuations",
        {"grid": json.loads(grid)} | vars(p),
        code,
        {"continuations": list(files), "tokens": sorted(set(belonging.values()))},
    )
    write_table(output, measured.sort("model", "variant", "language", "doc_id").to_arrow(), provenance)


def _measured(rows: pl.DataFrame, judge: Identifier) -> Iterator[dict[str, object]]:
    """The rows of a language, with everything that `fidelity.describe` tells."""
    language = rows["language"][0]
    scripts = main_script("".join(rows["prompt"].unique().sort()), language)
    for row in rows.iter_rows(named=True):
        yield row | describe(row["text"], row["token_ids"], language, scripts, judge)


if __name__ == "__main__":
    run_step(tabulate_continuations)
