"""The head of a model alone: logits of chosen hidden states, with whatever scaling or capping the model applies."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast

from workflow_scripts.models.blocks import UnsupportedArchitecture

LOGITS = 2**26
"""Logits held at a time, whatever the vocabulary: 256 MiB in float32."""


def rows_at_a_time(model: PreTrainedModel) -> int:
    """Hidden states to compute logits of at a time: those of a large vocabulary are the largest tensor of all."""
    return max(1, LOGITS // model.config.get_text_config().vocab_size)


def logits_of(model: PreTrainedModel, states: torch.Tensor) -> torch.Tensor:
    """The model's own head on hidden states [tokens, hidden], with whatever scaling or capping it applies."""
    with _decoder_returning(model, states[None]):
        return model(input_ids=torch.zeros(1, len(states), dtype=torch.long, device=states.device)).logits[0]


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
