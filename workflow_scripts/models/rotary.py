"""Rotary embeddings whose frequencies depend on how long a text is (dynamic and long scaling)."""

from typing import Any

from torch import nn

BY_LENGTH = ("dynamic", "longrope")
"""Kinds of scaling, as transformers spells them, that look at the longest text of a batch."""


def changes_beyond(model: nn.Module) -> int | None:
    """The length of a text from which on its frequencies are others; None where they are always the same."""
    lengths = [_original_length(module) for module in model.modules() if _is_any(module, BY_LENGTH)]
    return min(lengths, default=None)


def forget_longer_texts(model: nn.Module) -> None:
    """Have the model compute its frequencies for each text anew.

    With dynamic scaling transformers keeps those of the longest text so far, so that a text would be scored by what went
    through the model before it.
    """
    for module in model.modules():
        if _is_any(module, ("dynamic",)) and hasattr(module, "original_max_seq_len"):
            module.register_forward_pre_hook(_restore)


def _restore(module: nn.Module, _: Any) -> None:
    for name in [name for name in vars(module) if name.endswith("max_seq_len_cached")]:
        setattr(module, name, module.original_max_seq_len)
    originals = [name for name in (*vars(module), *module._buffers) if name.endswith("original_inv_freq")]
    for name in originals:
        own = f"{name.removesuffix('original_inv_freq')}inv_freq"
        device = getattr(module, own).device
        module.register_buffer(own, getattr(module, name).to(device).clone(), persistent=False)


def _is_any(module: nn.Module, kinds: tuple[str, ...]) -> bool:
    said = getattr(module, "rope_type", None)
    found = said.values() if isinstance(said, dict) else [said]
    return any(kind in str(one) for one in found for kind in kinds)


def _original_length(module: nn.Module) -> int:
    """As the module itself compares with it: the smallest that any of its kinds of layers has."""
    parameters = getattr(module.config, "rope_parameters", None) or {}
    entries = [entry for entry in (parameters, *parameters.values()) if isinstance(entry, dict)]
    said = [
        entry["original_max_position_embeddings"] for entry in entries if "original_max_position_embeddings" in entry
    ]
    return min([*said, *([module.original_max_seq_len] if hasattr(module, "original_max_seq_len") else [])])
