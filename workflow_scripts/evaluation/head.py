"""The head of a model alone: logits of chosen hidden states, with whatever scaling or capping the model applies."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from copy import copy
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import nn
from transformers import PreTrainedModel

from workflow_scripts.models.blocks import UnsupportedArchitecture, find_blocks

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
    """Have the model's own forward pass, but for its head, give these states [1, tokens, hidden] for whatever it is given."""
    decoder, output = _decoder_of(model)
    decoder.forward = lambda *args, **kwargs: _with_states(output, states)
    try:
        yield
    finally:
        del decoder.forward


_DECODERS: "WeakKeyDictionary[PreTrainedModel, tuple[nn.Module, Any]]" = WeakKeyDictionary()


def _decoder_of(model: PreTrainedModel) -> tuple[nn.Module, Any]:
    """The module that holds the blocks and that the model's forward pass calls, and what it gives of one short text.

    Heads look at more than the states there: mixtures of experts at the routers' logits, others at cross attentions.
    """
    if model not in _DECODERS:
        called: dict[str, Any] = {}
        with ExitStack() as handles:
            for name, module in _holders_of_blocks(model):

                def keep(_: nn.Module, __: Any, output: Any, name: str = name) -> None:
                    called[name] = output

                handles.callback(module.register_forward_hook(keep).remove)
            with torch.no_grad():
                model(input_ids=_trial_text(model)[:, :1], use_cache=False)
        # The outermost that was called: some models call the innermost alone.
        outermost = min(called, key=len)
        _DECODERS[model] = model.get_submodule(outermost), called[outermost]
    return _DECODERS[model]


def _holders_of_blocks(model: PreTrainedModel) -> Iterator[tuple[str, nn.Module]]:
    blocks = find_blocks(model)
    name = next(name for name, module in model.named_modules() if module is blocks)
    while name := name.rpartition(".")[0]:
        yield name, model.get_submodule(name)


def _with_states(output: Any, states: torch.Tensor) -> Any:
    """What a decoder gave, with other states in the place of its own."""
    if isinstance(output, tuple):
        return (states, *output[1:])
    changed = copy(output)
    changed["last_hidden_state"] = states
    return changed


def _trial_text(model: PreTrainedModel) -> torch.Tensor:
    """Eight different tokens from all over the vocabulary, int64 [1, tokens]."""
    size = model.get_input_embeddings().weight.shape[0]
    return torch.linspace(1, size - 1, min(8, size - 1), device=model.device).long()[None]


@torch.no_grad()
def refuse_unsupported_model(model: PreTrainedModel) -> None:
    """Raise UnsupportedArchitecture unless every token is predicted from those before it alone, and `logits_of` gives what a
    whole forward pass of the model gives; ArithmeticError where that overflows."""
    text = _trial_text(model)
    whole = model(input_ids=text, use_cache=False).logits[0]
    if not whole.isfinite().all():
        raise ArithmeticError(
            f"The logits of {type(model).__name__} are not finite: use compute.dtype float32 or bfloat16."
        )
    other = text.clone()
    other[0, -1] = text[0, 0]
    # In passes of equal shapes the same numbers are computed: what is left is what an expert's other tokens change.
    rounding = min(0.02, 2**10 * torch.finfo(whole.dtype).eps)
    if not _is_close(model(input_ids=other, use_cache=False).logits[0, :-1], whole[:-1], rounding):
        raise UnsupportedArchitecture(
            f"{type(model).__name__} sees the tokens that it is to predict (bidirectional attention): "
            "it has no perplexity; take a model whose attention is causal."
        )
    try:
        ours = logits_of(model, model.base_model(input_ids=text, use_cache=False).last_hidden_state[0])
    except (AttributeError, TypeError, ValueError):
        ours = torch.zeros(0)
    if ours.shape != whole.shape or not _is_close(ours, whole, 0.02):
        raise UnsupportedArchitecture(
            f"{type(model).__name__} computes its logits in a way that evaluation does not know: not supported."
        )


def _is_close(found: torch.Tensor, expected: torch.Tensor, error: float) -> bool:
    return torch.allclose(found, expected, rtol=error, atol=error * expected.abs().max().item())
