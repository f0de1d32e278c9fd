"""Step: keep the last hidden states of the dense model on the texts of one language, which variants are compared with."""

from dataclasses import asdict
from pathlib import Path

from workflow_scripts.artifacts.files import make_provenance, write_tensors
from workflow_scripts.evaluation.batching import texts_go_together
from workflow_scripts.evaluation.chunks import longest
from workflow_scripts.evaluation.head import refuse_unsupported_model
from workflow_scripts.evaluation.states import final_states
from workflow_scripts.evaluation.texts import Parameters, read_chunks
from workflow_scripts.models.checkpoint import load_model
from workflow_scripts.models.device import settle
from workflow_scripts.runtime.command_line import run_step


def collect_states(*, model: Path, tokens: Path, output: Path, parameters: Parameters, code: str = "") -> None:
    """Write one tensor `states` [scored tokens, hidden], in the dtype of the computation.

    Args:
        model: record of the dense model.
        tokens: tokenized documents of the language.
        output: safetensors file to write.
        parameters: which texts, and how they go through the model.
        code: digest of this step's code.
    """
    chunks, _ = read_chunks(model, tokens, parameters)
    device, dtype, settled = settle(parameters, model.parent)
    network = load_model(model.parent, dtype, device)
    refuse_unsupported_model(network)
    together = texts_go_together(network, longest(chunks))
    states = final_states(network, chunks, parameters.batch if together else 1)
    inputs = {"model": model, "tokens": tokens}
    provenance = make_provenance("collect_states", asdict(parameters) | settled, code, inputs)
    write_tensors(output, {"states": states}, provenance)


if __name__ == "__main__":
    run_step(collect_states)
