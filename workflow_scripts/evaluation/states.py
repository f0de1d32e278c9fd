"""The last hidden states of a model: all of it but the head, which is never pruned."""

from collections.abc import Iterator, Sequence

import torch
from tqdm import tqdm
from transformers import PreTrainedModel

from workflow_scripts.evaluation.chunks import Chunk


@torch.no_grad()
def final_states(model: PreTrainedModel, chunks: Sequence[Chunk], batch: int) -> torch.Tensor:
    """The hidden states that predict the scored tokens: [scored tokens, hidden], in the order of the chunks, on the CPU.

    Args:
        model: the model.
        chunks: what goes through it.
        batch: chunks at a time.
    """
    # Chunks of similar length go together, so that little is padded; causal models do not see what is on the right.
    ordered = sorted(range(len(chunks)), key=lambda number: -len(chunks[number].token_ids))
    found: list[torch.Tensor] = [torch.empty(0)] * len(chunks)
    for start in tqdm(range(0, len(ordered), batch), desc="states", unit="batch", disable=None):
        members = ordered[start : start + batch]
        for number, states in zip(members, _states(model, [chunks[number] for number in members]), strict=True):
            found[number] = states
    return torch.cat(found)


def _states(model: PreTrainedModel, chunks: list[Chunk]) -> Iterator[torch.Tensor]:
    longest = max(len(chunk.token_ids) for chunk in chunks)
    padded = torch.tensor([chunk.token_ids + [0] * (longest - len(chunk.token_ids)) for chunk in chunks])
    hidden = model.base_model(input_ids=padded.to(model.device), use_cache=False).last_hidden_state
    for row, chunk in zip(hidden, chunks, strict=True):
        yield row[: len(chunk.token_ids) - 1].cpu()
