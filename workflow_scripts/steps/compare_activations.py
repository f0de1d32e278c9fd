"""Step: which neurons of a study's models are language-specific, and what pruning makes of them."""

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
from tqdm import tqdm

from workflow_scripts.analysis.activations import (
    Dense,
    Fired,
    entropy_rows,
    half_rows,
    neuron_rows,
    neuron_tables,
    overlap_rows,
)
from workflow_scripts.analysis.gather import labels_of, refuse_copies, refuse_foreign, refuse_mixed_settings
from workflow_scripts.artifacts.files import make_provenance, read_provenance, read_table, write_table
from workflow_scripts.artifacts.paths import Grid, Variant, activations_path, tokens_path
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """Which counts there are."""

    corpus: str
    """corpus that the tokens are from"""
    sample: str
    """name of the tokens, as in paths"""
    languages: list[str]


def compare_activations(
    *, results: Path, grid: str, parameters: Parameters, tables: list[Path], code: str = ""
) -> None:
    """Write the tables of `analysis.activations.neuron_tables`, each under its name.

    Args:
        results: folder of the artifacts; the paths below it follow from grid and parameters.
        grid: the study's grid as JSON, see `paths.Grid`.
        parameters: which counts there are.
        tables: files to write, `{name}.parquet`.
        code: digest of this step's code.

    Raises:
        ArtifactError: counts are of other tokens than belong there, or a copy of others.
    """
    spanned, p = Grid.from_json(json.loads(grid)), parameters
    files, belonging = {}, {}
    for model, variant, language in product(spanned.models, spanned.variants(), p.languages):
        path = activations_path(results, model, variant, p.sample, language)
        files[model, variant, language] = path
        belonging[path] = tokens_path(results, model, p.corpus, language)
    refuse_foreign("tokens", belonging)
    provenances = {path: read_provenance(path) for path in files.values()}
    refuse_mixed_settings(provenances)
    refuse_copies(provenances)
    counts, overlaps, histograms = [], [], []
    for model in spanned.models:
        dense = Dense(read_fired({language: files[model, Variant.dense(), language] for language in p.languages}))
        counts.append(half_rows(labels_of(spanned, model, Variant.dense()), dense))
        for variant in tqdm(list(spanned.variants()), desc=model, unit="variant", disable=None):
            fired = read_fired({language: files[model, variant, language] for language in p.languages})
            labels = labels_of(spanned, model, variant)
            counts.append(neuron_rows(labels, fired, dense))
            overlaps += overlap_rows(labels, fired, dense)
            histograms.append(entropy_rows(labels, fired, dense))
    made = neuron_tables(pl.concat(counts), pl.DataFrame(overlaps), pl.concat(histograms))
    told = {"grid": json.loads(grid)} | vars(p)
    inputs = {"activations": list(files.values()), "tokens": sorted(set(belonging.values()))}
    provenance = make_provenance("compare_activations", told, code, inputs)
    for path in tables:
        # Tables of one form tell by their provenance which they are.
        write_table(path, made[path.stem].to_arrow(), provenance | {"parameters": told | {"table": path.stem}})


def read_fired(files: dict[str, Path]) -> Fired:
    """How often the neurons of a variant fire, from its counts in each language."""
    tables = {language: pl.from_arrow(read_table(path)) for language, path in files.items()}
    halves = [
        np.stack([(table[half] / table["tokens"]).to_numpy() for table in tables.values()], axis=1)
        for half in ("first", "second")
    ]
    return Fired(list(tables), next(iter(tables.values()))["block"].to_numpy(), np.stack(halves))


if __name__ == "__main__":
    run_step(compare_activations)
