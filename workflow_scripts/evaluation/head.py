"""The head of a model alone: logits of chosen hidden states, with whatever scaling or capping the model applies."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast

from workflow_scripts.models.blocks import UnsupportedArchitecture

LOGITS = 2**26
"""Logits held at a time, whatever the vocabulary: 256 MiB in float32."""
ROWS, COLUMNS = 512, 8192
"""Hidden states and tokens of the vocabulary whose logits are computed at a time where parts of the vocabulary do: 16 MiB, which
stay in the cache, and of which malloc does not ask the system anew."""


def rows_at_a_time(model: PreTrainedModel) -> int:
    """Hidden states to compute logits of at a time: those of a large vocabulary are the largest tensor of all."""
    return max(1, LOGITS // model.config.get_text_config().vocab_size)


def vocabulary_parts(model: PreTrainedModel, states: torch.Tensor) -> list[slice]:
    """Parts of the vocabulary whose logits can be computed one after the other: the whole of it where a part's are others.

    Args:
        model: gives its head.
        states: some hidden states [tokens, hidden] to try that on.
    """
    size, head = model.config.get_text_config().vocab_size, model.get_output_embeddings()
    whole = [slice(0, size)]
    if not isinstance(head, nn.Linear) or len(head.weight) != size:
        return whole
    parts = [slice(start, min(start + COLUMNS, size)) for start in range(0, size, COLUMNS)]
    together = torch.cat([logits_of(model, states, part) for part in parts], -1)
    at_once = logits_of(model, states)
    return parts if together.shape == at_once.shape and torch.allclose(together, at_once, 1e-3, 1e-3) else whole


def logits_of(model: PreTrainedModel, states: torch.Tensor, part: slice | None = None) -> torch.Tensor:
    """The model's own head on hidden states [tokens, hidden], with whatever scaling or capping it applies.

    Args:
        model: gives its head.
        states: what it is given.
        part: of the vocabulary, see `vocabulary_parts`; all of it by default.
    """
    reduced = nullcontext() if part is None else _reduced(model.get_output_embeddings(), part)
    with reduced, _decoder_returning(model, states[None]):
        return model(input_ids=torch.zeros(1, len(states), dtype=torch.long, device=states.device)).logits[0]


@contextmanager
def _reduced(head: nn.Linear, part: slice) -> Iterator[None]:
    """Have a head compute the logits of a part of the vocabulary alone."""
    weight, bias = head.weight, head.bias
    head.weight = nn.Parameter(weight[part], requires_grad=False)
    if bias is not None:
        head.bias = nn.Parameter(bias[part], requires_grad=False)
    try:
        yield
    finally:
        head.weight, head.bias = weight, bias


@contextmanager
def _decoder_returning(model: PreTrainedModel, states: torch.Tensor) -> Iterator[None]:
    decoder = model.base_model
    decoder.forward = lambda *args, **kwargs: BaseModelOutputWithPast(last_hidden_state=states)
    try:
        yield
    finally:
        del decoder.forward


@torch.no_grad()
def refuse_unsupported_head(model: PreTrainedModel) -> None:
    """Raise UnsupportedArchitecture unless `logits_of` gives what a whole forward pass of the model gives."""
    token_ids = torch.arange(4, device=model.device)[None]
    try:
        ours = logits_of(model, model.base_model(input_ids=token_ids, use_cache=False).last_hidden_state[0])
    except (AttributeError, TypeError):
        ours = torch.zeros(0)
    whole = model(input_ids=token_ids, use_cache=False).logits[0]
    if ours.shape != whole.shape or not torch.allclose(ours, whole, rtol=0.02, atol=0.02 * whole.abs().max().item()):
        raise UnsupportedArchitecture(
            f"{type(model).__name__} computes its logits in a way that evaluation does not know: not supported."
        )
