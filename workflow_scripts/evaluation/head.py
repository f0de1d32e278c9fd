"""The head of a model alone: logits of chosen hidden states, with whatever scaling or capping the model applies."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPast

from workflow_scripts.models.blocks import UnsupportedArchitecture

LOGITS = 2**26
"""Logits held at a time where they are not computed in parts: 256 MiB in float32."""
ROWS, COLUMNS = 512, 8192
"""Hidden states, and tokens of the vocabulary, whose logits are computed at a time: 16 MiB, few enough to stay in the cache and for
malloc to use the same memory again."""
WHOLE = slice(0, None)
"""The whole vocabulary, as a part of it."""


def rows_at_a_time(model: PreTrainedModel) -> int:
    """Hidden states whose logits over the whole vocabulary may be held at a time."""
    return max(1, LOGITS // model.config.get_text_config().vocab_size)


@torch.no_grad()
def vocabulary_parts(model: PreTrainedModel) -> tuple[list[slice], int]:
    """The parts of the vocabulary whose logits are computed one after the other, and for how many hidden states at a time.

    The whole vocabulary, if the model's logits of a part are not those that it has of all: tried once, on one state.
    """
    head, whole = model.get_output_embeddings(), ([WHOLE], min(ROWS, rows_at_a_time(model)))
    if not isinstance(head, nn.Linear):
        return whole
    trial = torch.linspace(-1, 1, head.weight.shape[1], device=model.device).to(head.weight.dtype)[None]
    parts = [slice(start, min(start + COLUMNS, len(head.weight))) for start in range(0, len(head.weight), COLUMNS)]
    at_once = logits_of(model, trial).float()
    try:
        together = torch.cat([logits_of(model, trial, part) for part in parts], -1).float()
    except (IndexError, RuntimeError, ValueError):
        # A model that does something to single tokens of the whole vocabulary.
        return whole
    if together.shape != at_once.shape:
        return whole
    difference = max(1e-4, 2 * torch.finfo(head.weight.dtype).eps) * at_once.abs().max()
    return (parts, ROWS) if (together - at_once).abs().max() <= difference else whole


def logits_of(model: PreTrainedModel, states: torch.Tensor, part: slice = WHOLE) -> torch.Tensor:
    """The model's own head on hidden states [tokens, hidden], with whatever scaling or capping it applies.

    Args:
        model: gives its head.
        states: what it is given.
        part: of the vocabulary, see `vocabulary_parts`.
    """
    reduced = nullcontext() if part == WHOLE else _reduced(model.get_output_embeddings(), part)
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
