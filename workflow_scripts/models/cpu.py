"""Products and causal attention on a CPU, in float32, by the quickest kernels that torch has for them.

Elsewhere, in other dtypes and for other attention, all is computed as torch and transformers do by default.
"""

from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

TILED = "tiled_causal"
"""The name of the attention here, as models know attentions."""

ROWS = 64
"""Queries of a head at a time, at least: their scores stay in a cache."""

TILE = 256
"""Rows of a product of attention, at least: fewer leave a product slow."""

PRODUCT = 2**21
"""Numbers of a product that is added to something else, at a time: 8 MB."""

ONEDNN_LINEAR = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None
"""The operator that torch's own compiler makes of linears on a CPU, which may fuse more into them; None without oneDNN."""


def compute_fast_on_cpu(model: PreTrainedModel) -> None:
    """Have the model compute its linears and its causal attention by the functions below, wherever they apply."""
    if model.config._attn_implementation == "sdpa":
        model.set_attn_implementation(TILED)
    for module in model.modules():
        if type(module) is nn.Linear:
            module.forward = partial(linear, module)


def linear(module: nn.Linear, inputs: torch.Tensor) -> torch.Tensor:
    """A linear's outputs for [..., in_features]."""
    if is_quick(inputs) and module.weight.dtype == inputs.dtype:
        return rows_product(inputs, module.weight, module.bias)
    return nn.functional.linear(inputs, module.weight, module.bias)


def is_quick(tensor: torch.Tensor) -> bool:
    """Whether products of this tensor with others like it go by `rows_product`: float32 on a CPU, with oneDNN."""
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32 and ONEDNN_LINEAR is not None


def rows_product(left: torch.Tensor, right: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """left right^T by oneDNN, which is ahead of torch's default on many CPUs and behind on none that we have measured.

    Args:
        left: [..., shared], contiguous.
        right: [rows, shared], contiguous or the transpose of a contiguous one: of other strides oneDNN is a hundred times slower.
        bias: [rows].

    Returns:
        [..., rows].
    """
    return ONEDNN_LINEAR(left, right, bias, "none", [], "")


def add_product(target: torch.Tensor, left: torch.Tensor, right: torch.Tensor, alpha: float) -> None:
    """target += alpha left right^T in place, by the quickest kernel of where they are.

    Args:
        target: [rows, columns].
        left: [rows, shared].
        right: [columns, shared], with strides as `rows_product` wants them.
        alpha: factor of the product.
    """
    if not is_quick(target):
        target.addmm_(left, right.T, alpha=alpha)
        return
    step = max(1, PRODUCT // max(1, target.shape[1]))
    for part, factor in zip(target.split(step), left.split(step), strict=True):
        part.add_(rows_product(factor.contiguous(), right), alpha=alpha)


def attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' interface to attention: in tiles where nothing but the causal order is asked for, else torch's fused one.

    Args:
        module: the attention layer.
        query: [windows, heads, length, width].
        key: [windows, key heads, length, width]; each serves heads / key heads queries, one after the other.
        value: as key, perhaps of another width.
        attention_mask: None where every token sees all before it.
        dropout: none where nothing is trained.
        scaling: of the scores; None for 1 / sqrt(width).
        is_causal: None to ask the layer.
        kwargs: what else the model passes.

    Returns:
        Outputs [windows, length, heads, width of value], and no scores.
    """
    causal = is_causal if is_causal is not None else getattr(module, "is_causal", True)
    more = any(kwargs.get(name) is not None for name in ("position_bias", "softcap", "cache"))
    plain = causal and attention_mask is None and not dropout and not more and query.shape[2] == key.shape[2]
    if plain and is_quick(query):
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        return causal_attention(query, key, value, scale), None
    return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, is_causal, **kwargs)


def causal_attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float) -> torch.Tensor:
    """softmax(scale * query key^T) value, every token seeing those up to itself: the triangle alone, in tiles of queries.

    The heads that share a key are rows of one product. Shapes as in `attention`, without its layer.
    """
    windows, heads, length, _ = query.shape
    shared = heads // key.shape[1]
    size = max(ROWS, TILE // shared)
    outputs = query.new_empty(windows, length, heads, value.shape[-1])
    later = torch.full((size, size), -torch.inf, dtype=query.dtype).triu_(1)
    for window in range(windows):
        for group in range(key.shape[1]):
            of_group = slice(group * shared, (group + 1) * shared)
            keys, values = key[window, group].contiguous(), value[window, group].contiguous()
            for start in range(0, length, size):
                end = min(length, start + size)
                rows = (query[window, of_group, start:end] * scale).flatten(0, 1).contiguous()
                scores = rows_product(rows, keys[:end])
                scores.view(shared, end - start, end)[:, :, start:] += later[: end - start, : end - start]
                mixed = rows_product(torch.softmax(scores, dim=-1), values[:end].T)
                outputs[window, start:end, of_group] = mixed.view(shared, end - start, -1).transpose(0, 1)
    return outputs


AttentionInterface.register(TILED, attention)
AttentionMaskInterface.register(TILED, sdpa_mask)
