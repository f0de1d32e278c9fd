"""Step: measure the perplexity of several variants of a model in one language, with one model load."""

from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.artifacts import read_provenance, refuse_foreign_model
from workflow_scripts.cli import run_step
from workflow_scripts.corpora.tokens import read_boundary, read_tokens
from workflow_scripts.evaluation.perplexity import score_documents
from workflow_scripts.evaluation.series import evaluate_series


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
    refuse_foreign_model(read_provenance(tokens), model, tokens)
    texts = read_tokens(tokens, "evaluation")[: parameters.documents]
    if len(texts) < parameters.documents:
        raise ValueError(
            f"{tokens} has {len(texts)} evaluation documents, fewer than the {parameters.documents} of "
            "evaluation.documents: lower that number, or raise the corpus's evaluation_share."
        )
    p, boundary = parameters, read_boundary(model)
    evaluate_series(
        "measure_perplexity",
        parameters,
        code,
        {"model": model, "tokens": tokens},
        output,
        masks,
        weights,
        lambda network: score_documents(network, texts, boundary, p.length, p.batch, p.protocol),
    )


if __name__ == "__main__":
    run_step(measure_perplexity)
