"""Step: count on how many tokens of one language each neuron of several variants fires, with one model load."""

from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.artifacts.files import read_provenance, refuse_foreign_model
from workflow_scripts.evaluation.pending import pending_variants
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """Which tokens, and how they go through the model."""

    tokens: int
    """tokens of evaluation documents, half of them from every other document"""
    length: int = 512
    """tokens that the model sees at a time"""
    batch: int = 4
    """windows at a time"""
    threads: int = 1
    device: str = "auto"
    dtype: str = "auto"


def count_activations(
    *,
    model: Path,
    tokens: Path,
    output: list[Path],
    parameters: Parameters,
    masks: list[Path] | None = None,
    weights: list[Path] | None = None,
    code: str = "",
) -> None:
    """Write a row a neuron, with the tokens of each half on which it fires, a Parquet file a variant.

    An output that is there already and still holds, by its provenance, is left as it is.

    Args:
        model: record of the dense model.
        tokens: tokenized documents of the language.
        output: files to write, the dense model's first if there is one more than mask stores.
        parameters: which tokens, and how they go through the model.
        masks: mask stores of the variants.
        weights: kept weights of the variants, for methods that change them.
        code: digest of this step's code.

    Raises:
        ValueError: the documents have fewer tokens than asked for.
    """
    refuse_foreign_model(read_provenance(tokens), model, tokens)
    inputs = {"model": model, "tokens": tokens}
    pending = pending_variants("count_activations", parameters, code, inputs, output, masks, weights)
    if not pending:
        return
    # A job without anything to do is spared the seconds that these take.
    from workflow_scripts.corpora.tokens import read_boundary, read_tokens
    from workflow_scripts.evaluation.activations import activations_table, count_firing, halve
    from workflow_scripts.evaluation.chunks import chunk_documents, longest
    from workflow_scripts.evaluation.series import evaluate_series

    documents = read_tokens(tokens, "evaluation")
    halves = halve(chunk_documents(documents, read_boundary(model), parameters.length), parameters.tokens)

    def observe(network, together):
        counts = [count_firing(network, half, parameters.batch if together else 1) for half in halves]
        return activations_table(counts, parameters.tokens // 2)

    evaluate_series(pending, model, parameters, max(map(longest, halves)), observe)


if __name__ == "__main__":
    run_step(count_activations, imports_more=True)
