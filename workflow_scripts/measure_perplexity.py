"""Step: measure the perplexity of several variants of a model in one language, with one model load."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from workflow_scripts.artifacts import (
    ArtifactError,
    make_provenance,
    read_provenance,
    read_table,
    write_table,
)
from workflow_scripts.cli import run_step
from workflow_scripts.corpora.tokens import read_boundary, read_tokens
from workflow_scripts.evaluation.perplexity import refuse_unsupported_head, score_documents
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.device import resolve_device, resolve_dtype, set_numerics
from workflow_scripts.models.variant import apply_variant, refuse_foreign_model


@dataclass(frozen=True)
class Parameters:
    """How perplexity is measured."""

    documents: int
    """evaluation documents, from the first on"""
    length: int
    """tokens that the model sees at a time"""
    protocol: str = "document"
    """document or published"""
    batch: int = 4
    threads: int = 1
    device: str = "auto"
    dtype: str = "auto"


def measure_perplexity(
    *,
    model: Path,
    tokens: Path,
    output: list[Path],
    parameters: Parameters,
    masks: list[Path] | None = None,
    weights: list[Path] | None = None,
    code: str = "",
) -> None:
    """Write nats, tokens, bytes and characters per document, a Parquet file a variant.

    An output that is there already and still holds, by its provenance, is left as it is.

    Args:
        model: record of the dense model.
        tokens: tokenized documents of the language.
        output: files to write, one for each mask store, or one for the dense model.
        parameters: how to measure.
        masks: mask stores of the variants; none for the dense model.
        weights: kept weights of the variants, for methods that change them.
        code: digest of this step's code.
    """
    set_numerics(parameters.threads)
    device = resolve_device(parameters.device)
    dtype = resolve_dtype(parameters.dtype, device, model.parent)
    resolved = asdict(parameters) | {"device": device.partition(":")[0], "dtype": str(dtype).removeprefix("torch.")}
    refuse_foreign_model(read_provenance(tokens), model, tokens)
    texts = read_tokens(tokens, "evaluation")[: parameters.documents]
    if len(texts) < parameters.documents:
        raise ValueError(
            f"{tokens} has {len(texts)} evaluation documents, fewer than the {parameters.documents} of "
            "evaluation.documents: lower that number, or raise the corpus's evaluation_share."
        )
    stores = masks or [None]
    network = None
    for target, store, kept in zip(output, stores, weights or [None] * len(stores), strict=True):
        inputs = {"model": model, "tokens": tokens, "masks": store, "weights": kept}
        provenance = make_provenance(
            "measure_perplexity", resolved, code, {role: path for role, path in inputs.items() if path}
        )
        if still_holds(target, provenance):
            os.utime(target)
            continue
        if network is None:
            network = load_model(model.parent, dtype, device)
            refuse_unsupported_head(network)
        if store:
            apply_variant(network, model, store, kept)
        boundary = read_boundary(model)
        table = score_documents(network, texts, boundary, parameters.length, parameters.batch, parameters.protocol)
        write_table(target, table, provenance)


def still_holds(path: Path, provenance: dict) -> bool:
    """Whether a table is there, whole, and made just as `provenance` says."""
    try:
        return path.is_file() and read_provenance(path) == provenance and read_table(path).num_rows > 0
    except ArtifactError:
        return False


if __name__ == "__main__":
    run_step(measure_perplexity)
