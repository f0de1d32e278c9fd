"""Send windows through a model block by block: the calls a model makes to its blocks, captured once and replayed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from workflow_scripts.models.blocks import UnsupportedArchitecture


class BlockCalls:
    """What a model passes to each of its blocks beside the hidden states, for each shape of a batch.

    Rotary embeddings and attention masks differ between the layer types of a model, so every block's own call is kept.
    """

    def __init__(self, blocks: nn.ModuleList) -> None:
        self._blocks = blocks
        self._calls: dict[tuple[int, torch.Size], tuple[tuple, dict[str, Any]]] = {}
        self._tuple: bool | None = None
        self._fused = False

    def embed(self, model: PreTrainedModel, token_ids: torch.Tensor, device: str) -> torch.Tensor:
        """Hidden states before the first block [windows, length, hidden], recording the calls to all blocks.

        The blocks pass their input on meanwhile, so this costs no more than the embedding. Of their weights only those of the
        first need be there, and on the CPU.

        Args:
            model: the base model, without a head.
            token_ids: [windows, length].
            device: where the blocks will run.

        Raises:
            UnsupportedArchitecture: what the blocks are passed depends on the tokens, so that it cannot be replayed.
        """
        first: list[torch.Tensor] = []
        self._fused = model.config._attn_implementation == "sdpa"
        with self._recording(first, device):
            model(input_ids=token_ids, use_cache=False)
        return first[0].to(device)

    def run(self, index: int, hidden: torch.Tensor) -> torch.Tensor:
        """Output of block `index` for a batch of a recorded shape, [windows, length, hidden]."""
        args, kwargs = self._calls[index, hidden.shape[:2]]
        output = self._blocks[index](hidden, *args, **kwargs)
        return output if isinstance(output, torch.Tensor) else output[0]

    @contextmanager
    def _recording(self, first: list[torch.Tensor], device: str) -> Iterator[None]:
        moved: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

        def recorder(index: int):
            def record(hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
                if index == 0:
                    first.append(hidden_states)
                if hidden_states.shape != first[0].shape:
                    raise UnsupportedArchitecture(
                        f"{type(self._blocks[index]).__name__} does not return its hidden states alone: not supported."
                    )
                passed = _without_causal_masks((args, kwargs)) if self._fused else (args, kwargs)
                self._keep(index, hidden_states.shape[:2], _moved(passed, device, moved))
                return (hidden_states,) if self._returns_tuple(index, hidden_states, args, kwargs) else hidden_states

            return record

        for index, block in enumerate(self._blocks):
            block.forward = recorder(index)
        try:
            yield
        finally:
            for block in self._blocks:
                del block.forward

    def _returns_tuple(self, index: int, hidden: torch.Tensor, args: tuple, kwargs: dict[str, Any]) -> bool:
        """Whether the model's blocks return a tuple; the first block is run once to see."""
        if self._tuple is None:
            block = self._blocks[index]
            self._tuple = isinstance(type(block).forward(block, hidden, *args, **kwargs), tuple)
        return self._tuple

    def _keep(self, index: int, shape: torch.Size, call: tuple[tuple, dict[str, Any]]) -> None:
        if not _equal(self._calls.setdefault((index, shape), call), call):
            raise UnsupportedArchitecture(
                f"{type(self._blocks[index]).__name__} is passed more than hidden states, positions and masks: "
                "its input depends on the tokens, which is not supported."
            )


def _moved(value: Any, device: str, moved: dict[int, tuple[torch.Tensor, torch.Tensor]]) -> Any:
    """The value with its tensors on the device; what several blocks share is moved once."""
    if isinstance(value, torch.Tensor):
        # The original is kept as well, so that its id stays its own.
        return moved.setdefault(id(value), (value, value.to(device)))[1]
    if isinstance(value, tuple | list):
        return type(value)(_moved(item, device, moved) for item in value)
    if isinstance(value, dict):
        return {key: _moved(item, device, moved) for key, item in value.items()}
    return value


def _without_causal_masks(value: Any) -> Any:
    """The value, None in place of each boolean mask [..., length, length] that lets every token see those before it and itself.

    torch's fused attention knows that case without a mask, and then computes one triangle only. A layer with a sliding window
    is given such a mask when windows are no longer than that.
    """
    if isinstance(value, torch.Tensor):
        square = value.dtype == torch.bool and value.ndim == 4 and value.shape[-1] == value.shape[-2] > 1
        return None if square and torch.equal(value, torch.ones_like(value).tril()) else value
    if isinstance(value, tuple | list):
        return type(value)(_without_causal_masks(item) for item in value)
    if isinstance(value, dict):
        return {key: _without_causal_masks(item) for key, item in value.items()}
    return value


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return a is b or a == b
