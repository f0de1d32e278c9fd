"""Step: have several variants of a model continue the beginnings of evaluation documents, with one model load."""

from dataclasses import dataclass
from pathlib import Path

from workflow_scripts.artifacts.files import read_provenance, refuse_foreign_model
from workflow_scripts.evaluation.pending import pending_variants
from workflow_scripts.runtime.command_line import run_step


@dataclass(frozen=True)
class Parameters:
    """What is continued, and how far."""

    prompts: int
    """evaluation documents, from the first on, of which the beginning is continued"""
    opening: int
    """tokens of a document that the model is shown"""
    tokens: int
    """tokens that it writes at most"""
    batch: int = 8
    """texts that are written at a time"""
    threads: int = 1
    device: str = "auto"
    dtype: str = "auto"


def continue_prompts(
    *,
    model: Path,
    tokens: Path,
    output: list[Path],
    parameters: Parameters,
    masks: list[Path] | None = None,
    weights: list[Path] | None = None,
    code: str = "",
) -> None:
    """Write the prompt and what was written after it per document, a Parquet file a variant.

    An output that is there already and still holds, by its provenance, is left as it is.

    Args:
        model: record of the dense model.
        tokens: tokenized documents of the language.
        output: files to write, the dense model's first if there is one more than mask stores.
        parameters: what to continue, and how far.
        masks: mask stores of the variants.
        weights: kept weights of the variants, for methods that change them.
        code: digest of this step's code.
    """
    refuse_foreign_model(read_provenance(tokens), model, tokens)
    inputs = {"model": model, "tokens": tokens}
    pending = pending_variants("continue_prompts", parameters, code, inputs, output, masks, weights)
    if not pending:
        return
    # A job without anything to do is spared the seconds that these take.
    from workflow_scripts.corpora.tokens import read_boundary, read_tokens
    from workflow_scripts.evaluation.continuing import beginnings, continue_all
    from workflow_scripts.evaluation.series import evaluate_series
    from workflow_scripts.models.tokenizer import load_tokenizer

    p, tokenizer, start = parameters, load_tokenizer(model.parent), read_boundary(model).start
    begun = beginnings(read_tokens(tokens, "evaluation"), p.prompts, p.opening)
    evaluate_series(
        pending,
        model,
        parameters,
        1 + p.opening + p.tokens,
        lambda network, together: continue_all(network, begun, tokenizer, start, p.tokens, p.batch if together else 0),
    )


if __name__ == "__main__":
    run_step(continue_prompts, imports_more=True)
