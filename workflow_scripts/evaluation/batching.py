"""Whether texts may go through a model together: only where that changes no score."""

from logging import getLogger

import torch
from transformers import Cache, PreTrainedModel

from workflow_scripts.models.rotary import changes_beyond
from workflow_scripts.models.rounding import difference

logger = getLogger(__name__)
TRIAL = 512
"""Tokens of the text that another is tried beside, at most."""


@torch.no_grad()
def texts_go_together(model: PreTrainedModel, longest: int) -> bool:
    """Whether a text has the same hidden states as alone beside a longer one, padded on the right, and where it goes on from the
    keys and values that are kept of its beginning. Tried once a model.

    Args:
        model: the dense model.
        longest: tokens of the longest text that will go through it.
    """
    reason = _by_length(model, longest) or _by_trial(model, longest)
    if reason:
        logger.warning("texts go through %s one by one, for %s", type(model).__name__, reason)
    return not reason


def _by_length(model: PreTrainedModel, longest: int) -> str:
    length = changes_beyond(model)
    if length is None or longest <= length:
        return ""
    return f"beyond {length} tokens its rotary embeddings depend on the longest of those beside each other"


def _by_trial(model: PreTrainedModel, longest: int) -> str:
    size, longest = model.get_input_embeddings().weight.shape[0], min(longest, TRIAL)
    long = torch.arange(longest, device=model.device).mul(7).remainder(size - 1) + 1
    short = long.flip(0)[: max(1, longest // 4)]
    padded = torch.stack([long, torch.cat([short, short.new_zeros(longest - len(short))])])
    whole, beside = _states(model, padded)
    if error := difference(beside[: len(short)], _states(model, short[None])[0]):
        return (
            f"beside a longer text, the hidden states of a short one differ by {error:.1%} from those that it has alone"
        )
    first, rest = long[None, : longest // 2], long[None, longest // 2 :]
    if not first.numel():
        return ""
    kept = getattr(model.base_model(input_ids=first, use_cache=True), "past_key_values", None)
    if not isinstance(kept, Cache):
        return "it keeps no keys and values"
    continued = model.base_model(input_ids=rest, past_key_values=kept, use_cache=True).last_hidden_state[0]
    if error := difference(continued, whole[len(first[0]) :]):
        return (
            f"going on from kept keys and values, its hidden states differ by {error:.1%} from those of the whole text"
        )
    return ""


def _states(model: PreTrainedModel, token_ids: torch.Tensor) -> torch.Tensor:
    return model.base_model(input_ids=token_ids, use_cache=False).last_hidden_state
