"""Send windows through a model block by block: the calls a model makes to its blocks, captured once and replayed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from workflow_scripts.models.blocks import UnsupportedArchitecture
from workflow_scripts.models.cpu import TILED
from workflow_scripts.models.rounding import difference


class BlockCalls:
    """What a model passes to each of its blocks beside the hidden states, for each shape of a batch.

    Rotary embeddings and attention masks differ between the layer types of a model, so every block's own call is kept.
    """

    def __init__(self, blocks: nn.ModuleList, device: str = "cpu") -> None:
        """device: where the blocks will run."""
        self._blocks = blocks
        self.device = torch.device(device)
        self._calls: dict[tuple[int, torch.Size], tuple[tuple, dict[str, Any]]] = {}
        self._tuple: bool | None = None
        self._needs_masks = False

    def embed(self, model: PreTrainedModel, token_ids: torch.Tensor) -> torch.Tensor:
        """Hidden states before the first block [windows, length, hidden], recording the calls to all blocks.

        The blocks pass their input on meanwhile, so this costs no more than the embedding. Of their weights only those of the
        first need be there, and on the CPU.

        Args:
            model: the base model, without a head.
            token_ids: [windows, length].

        Raises:
            UnsupportedArchitecture: what the blocks are passed depends on the tokens, so that it cannot be replayed.
        """
        first: list[torch.Tensor] = []
        with self._recording(first, fused=model.config._attn_implementation in ("sdpa", TILED)):
            model(input_ids=token_ids, use_cache=False)
        if len(first) != len(self._blocks):
            raise UnsupportedArchitecture(
                f"{type(model).__name__} sends a text through {len(first)} of its {len(self._blocks)} blocks: not supported."
            )
        return first[0].to(self.device)

    def run(self, index: int, hidden: torch.Tensor) -> torch.Tensor:
        """Output of block `index`, on its device, for a batch [windows, length, hidden] of a recorded shape, wherever it is."""
        args, kwargs = self._calls[index, hidden.shape[:2]]
        output = self._blocks[index](hidden.to(self.device), *args, **kwargs)
        return _states(output)

    @contextmanager
    def _recording(self, first: list[torch.Tensor], fused: bool) -> Iterator[None]:
        moved: dict[int, tuple[torch.Tensor, torch.Tensor | None]] = {}

        def passed(tensor: torch.Tensor) -> torch.Tensor | None:
            # What several blocks share is looked at and moved once. The original is kept so that its id stays its own.
            if id(tensor) not in moved:
                dropped = fused and not self._needs_masks and _is_causal(tensor)
                moved[id(tensor)] = tensor, None if dropped else tensor.to(self.device)
            return moved[id(tensor)][1]

        def recorder(index: int):
            def record(hidden_states: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
                if index == len(first) == 0:
                    self._try(hidden_states, args, kwargs, fused)
                elif index != len(first) or hidden_states is not first[0]:
                    # Pruning takes what a block gives for what the next is given.
                    raise UnsupportedArchitecture(
                        f"{type(self._blocks[index]).__name__} {index} is not given what the block before it returns, once and "
                        "in order: not supported."
                    )
                first.append(hidden_states)
                self._keep(index, hidden_states.shape[:2], _mapped((args, kwargs), passed))
                return (hidden_states,) if self._tuple else hidden_states

            return record

        for index, block in enumerate(self._blocks):
            block.forward = recorder(index)
        try:
            yield
        finally:
            for block in self._blocks:
                del block.forward

    def _try(self, hidden: torch.Tensor, args: tuple, kwargs: dict[str, Any], fused: bool) -> None:
        """Run the first block once: does it return a tuple, and would it be the same without its causal masks?

        Blocks of another class than its are taken to be like it in the first, and not in the second.
        """
        if self._tuple is not None:
            return
        forward = partial(type(self._blocks[0]).forward, self._blocks[0], hidden)
        output = forward(*args, **kwargs)
        self._tuple = isinstance(output, tuple)
        if self._tuple and not all(isinstance(part, torch.Tensor) for part in output):
            raise UnsupportedArchitecture(
                f"{type(self._blocks[0]).__name__} returns more than hidden states and attention weights: not supported."
            )
        if not fused:
            return
        bare_args, bare_kwargs = _mapped((args, kwargs), lambda tensor: None if _is_causal(tensor) else tensor)
        bare = forward(*bare_args, **bare_kwargs)
        alike = len({type(block) for block in self._blocks}) == 1
        self._needs_masks = not alike or bool(difference(_states(bare), _states(output)))

    def _keep(self, index: int, shape: torch.Size, call: tuple[tuple, dict[str, Any]]) -> None:
        if not _equal(self._calls.setdefault((index, shape), call), call):
            raise UnsupportedArchitecture(
                f"{type(self._blocks[index]).__name__} is passed more than hidden states, positions and masks: "
                "its input depends on the tokens, which is not supported."
            )


def _states(output: torch.Tensor | tuple) -> torch.Tensor:
    return output if isinstance(output, torch.Tensor) else output[0]


def _mapped(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    """The value with its tensors changed, at any depth of tuples, lists and dictionaries."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)(_mapped(item, change) for item in value)
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    return value


def _is_causal(mask: torch.Tensor) -> bool:
    """Whether a boolean mask [..., length, length] lets every token see those before it and itself, and no others.

    Fused and tiled attention know that case without a mask, and then compute one triangle only. A layer with a sliding window
    is given such a mask when windows are no longer than that.
    """
    square = mask.dtype == torch.bool and mask.ndim == 4 and mask.shape[-1] == mask.shape[-2] > 1
    return square and torch.equal(mask, torch.ones_like(mask).tril())


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, tuple | list) and isinstance(b, tuple | list):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return a is b or a == b
