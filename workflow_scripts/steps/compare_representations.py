"""Step: what pruning does to the representations of a study's models, by subspace and by block."""

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import polars as pl
from safetensors.numpy import load_file
from tqdm import tqdm

from workflow_scripts.analysis.gather import labels_of, refuse_copies, refuse_foreign, refuse_mixed_settings
from workflow_scripts.analysis.representations import (
    Reference,
    Seen,
    evaluation_error_effects,
    evaluation_errors,
    noise_rows,
    rank_rows,
    subspaces,
    variant_rows,
)
from workflow_scripts.artifacts.files import make_provenance, read_provenance, refuse_damaged, write_table
from workflow_scripts.artifacts.paths import Grid, Variant, documents_path, representations_path
from workflow_scripts.evaluation.sentences import documents_of_sentences, read_sentences
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """Which representations there are."""

    corpus: str
    """corpus that the sentences are from"""
    documents: int
    """evaluation documents, from the first on"""
    sample: str
    """name of the sentences, as in paths"""
    languages: list[str]
    kinds: dict[str, str]
    """calibration -> language, mixture or control"""


def compare_representations(
    *, results: Path, grid: str, parameters: Parameters, tables: list[Path], code: str = ""
) -> None:
    """Write `subspace_ranks`, `subspaces`, `evaluation_errors` and `evaluation_error_effects`, each under its name.

    Args:
        results: folder of the artifacts; the paths below it follow from grid and parameters.
        grid: the study's grid as JSON, see `paths.Grid`.
        parameters: which representations there are.
        tables: files to write, `{name}.parquet`.
        code: digest of this step's code.

    Raises:
        CorpusError: the corpus is not parallel.
        ArtifactError: representations are of other documents than belong there, or a copy of others.
    """
    spanned, p = Grid.from_json(json.loads(grid)), parameters
    texts = {language: documents_path(results, p.corpus, language) for language in p.languages}
    documents = documents_of_sentences({name: read_sentences(path, p.documents) for name, path in texts.items()})
    files = {
        (model, variant, language): representations_path(results, model, variant, p.sample, language)
        for model, variant, language in product(spanned.models, spanned.variants(), p.languages)
    }
    refuse_foreign("documents", {path: texts[language] for (*_, language), path in files.items()})
    provenances = {path: read_provenance(path) for path in files.values()}
    refuse_mixed_settings(provenances)
    refuse_copies(provenances)
    ranks, parts, noise = [], [], []
    for model in spanned.models:
        reference = Reference(read_seen(files, model, Variant.dense(), p.languages), documents)
        ranks.append(rank_rows(model, reference))
        for variant in tqdm(list(spanned.variants())[1:], desc=model, unit="variant", disable=None):
            seen = read_seen(files, model, variant, p.languages)
            labels = labels_of(spanned, model, variant)
            parts.append(variant_rows(labels, seen, reference))
            noise.append(noise_rows(labels, seen, documents))
    noisy, languages = pl.concat(noise), [name for name, kind in p.kinds.items() if kind == "language"]
    made = {
        "subspace_ranks": pl.concat(ranks),
        "subspaces": subspaces(pl.concat(parts)),
        "evaluation_errors": evaluation_errors(noisy),
        "evaluation_error_effects": evaluation_error_effects(noisy, p.sample, languages, list(p.kinds)),
    }
    told = {"grid": json.loads(grid)} | vars(p)
    inputs = {"representations": list(files.values()), "documents": list(texts.values())}
    provenance = make_provenance("compare_representations", told, code, inputs)
    for path in tables:
        # Tables of one form tell by their provenance which they are.
        write_table(path, made[path.stem].to_arrow(), provenance | {"parameters": told | {"table": path.stem}})


def read_seen(files: dict[tuple[str, Variant, str], Path], model: str, variant: Variant, languages: list[str]) -> Seen:
    """What a variant made of the sentences."""
    tensors = {}
    for language in languages:
        refuse_damaged(files[model, variant, language])
        tensors[language] = load_file(files[model, variant, language])
    return Seen(*({name: found[part] for name, found in tensors.items()} for part in ("pooled", "power", "noise")))


if __name__ == "__main__":
    run_step(compare_representations)
