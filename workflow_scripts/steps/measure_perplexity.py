"""Step: measure perplexity, and divergence from the dense model, of several variants in one language, with one model load."""

from dataclasses import asdict
from pathlib import Path

from workflow_scripts.artifacts.files import ArtifactError, digest_of_file, read_provenance, refuse_damaged
from workflow_scripts.evaluation.pending import pending_variants
from workflow_scripts.evaluation.texts import Parameters, read_chunks
from workflow_scripts.models.compute import settled_names
from workflow_scripts.runtime.command_line import run_step


def measure_perplexity(
    *,
    model: Path,
    tokens: Path,
    states: Path,
    output: list[Path],
    parameters: Parameters,
    masks: list[Path] | None = None,
    weights: list[Path] | None = None,
    code: str = "",
) -> None:
    """Write nats, tokens, sizes and divergence from the dense model per document, a Parquet file a variant.

    An output that is there already and still holds, by its provenance, is left as it is.

    Args:
        model: record of the dense model.
        tokens: tokenized documents of the language.
        states: the dense model's last hidden states on them, by `collect_states`.
        output: files to write, the dense model's first if there is one more than mask stores.
        parameters: which texts, and how they go through the model.
        masks: mask stores of the variants.
        weights: kept weights of the variants, for methods that change them.
        code: digest of this step's code.
    """
    refuse_other_states(states, model, tokens, parameters)
    inputs = {"model": model, "tokens": tokens, "states": states}
    pending = pending_variants("measure_perplexity", parameters, code, inputs, output, masks, weights)
    if not pending:
        return
    # A job without anything to do is spared the seconds that these take.
    from safetensors.torch import load_file

    from workflow_scripts.evaluation.chunks import longest
    from workflow_scripts.evaluation.perplexity import score_in_turn
    from workflow_scripts.evaluation.series import evaluate_series
    from workflow_scripts.evaluation.states import final_states

    chunks, documents = read_chunks(model, tokens, parameters)
    dense = load_file(states)["states"]
    evaluate_series(
        pending,
        model,
        parameters,
        longest(chunks),
        lambda network, together: final_states(network, chunks, parameters.batch if together else 1),
        lambda network, variants: score_in_turn(network, chunks, documents, dense, variants),
        dense=dense,
    )


def refuse_other_states(states: Path, model: Path, tokens: Path, parameters: Parameters) -> None:
    """Raise ArtifactError unless hidden states are of this model, these texts, and computed in the same way."""
    refuse_damaged(states)
    found = read_provenance(states)
    inputs = {"model": digest_of_file(model), "tokens": digest_of_file(tokens)}
    wanted = asdict(parameters) | settled_names(parameters, model.parent)
    if (found["inputs"], found["parameters"]) != (inputs, wanted):
        raise ArtifactError(
            f"{states} holds hidden states of another model, of other texts, or computed in another way "
            f"({found['parameters']}, not {wanted}): delete it and run again."
        )


if __name__ == "__main__":
    run_step(measure_perplexity, imports_more=True)
