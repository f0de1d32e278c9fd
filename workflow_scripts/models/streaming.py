"""A model whose weights are in memory only while they are needed: one block, and the rows of the embedding that occur."""

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self

import torch
from accelerate import init_empty_weights
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from workflow_scripts.models.blocks import find_blocks
from workflow_scripts.models.checkpoint import Checkpoint
from workflow_scripts.models.copies import restore_weights
from workflow_scripts.models.cpu import compute_fast_on_cpu
from workflow_scripts.models.device import Mover
from workflow_scripts.models.memory import give_back
from workflow_scripts.models.remote_code import is_trusted
from workflow_scripts.models.rotary import forget_longer_texts


class Weights(Protocol):
    """What a model's weights come from, as `models.checkpoint.Checkpoint` has it."""

    def load_module(self, module: nn.Module) -> None:
        """Put the parameters and stored buffers of a module into it."""

    def load(self, names: Collection[str]) -> None:
        """Put these parameters and buffers into the model."""

    def rows(self, name: str, wanted: torch.Tensor) -> torch.Tensor:
        """Rows of one stored matrix."""


class StreamedModel:
    """A checkpoint as a model without weights, into which its blocks are read one after the other.

    Attributes:
        model: the causal language model, its weights on the meta device but for the parts that are loaded.
        blocks: its decoder blocks.
        dtype: of the weights when they are loaded.
    """

    def __init__(self, model: PreTrainedModel, dtype: torch.dtype, weights: Weights) -> None:
        """
        Args:
            model: without weights, see `without_weights`.
            dtype: of the weights when they are loaded.
            weights: where they come from.

        Raises:
            UnsupportedArchitecture: see `find_blocks`.
        """
        self.dtype = dtype
        self.model = model
        self.blocks = find_blocks(model)
        self._checkpoint = weights

    @classmethod
    def of(cls, directory: Path, dtype: torch.dtype) -> Self:
        """That of a checkpoint directory; weights that an earlier run dropped (`keep.dense: false`) are restored first."""
        restore_weights(directory)
        model = without_weights(configuration(directory), dtype, is_trusted(directory))
        return cls(model, dtype, Checkpoint(directory, model))

    def stream(self, device: str, start: int = 0) -> Iterator[tuple[int, nn.Module]]:
        """The blocks from `start` on with their numbers, each with its weights on the device until the next is asked for.

        On a GPU the next block is read and moved there while the current one is worked on.
        """
        mover = Mover(device)
        with ThreadPoolExecutor(1) as reader:
            coming = None
            for index in range(start, len(self.blocks)):
                if coming is None:
                    self._load(index)
                else:
                    coming.result()
                mover.receive(self.blocks[index])
                if mover.overlaps and index + 1 < len(self.blocks):
                    coming = reader.submit(self._load_and_send, index + 1, mover)
                yield index, self.blocks[index]
                release(self.blocks[index])
                give_back()

    def _load_and_send(self, index: int, mover: Mover) -> None:
        self._load(index)
        mover.send(self.blocks[index])

    def _load(self, index: int) -> None:
        self._checkpoint.load_module(self.blocks[index])

    @contextmanager
    def embedding(self, token_ids: torch.Tensor) -> Iterator[PreTrainedModel]:
        """The base model with the weights of its first block alone, able to embed these token ids and no others.

        Of the embedding, the rows of the tokens that occur are read; the head is not part of it.
        """
        base = self.model.base_model
        table = self.model.get_input_embeddings()
        name_of = {id(parameter): name for name, parameter in self.model.named_parameters()}
        inside = {id(parameter) for parameter in self.blocks.parameters()} | {id(table.weight)}
        rest = [name_of[id(parameter)] for parameter in base.parameters() if id(parameter) not in inside]
        occurring = token_ids.unique()
        rows = self._checkpoint.rows(name_of[id(table.weight)], occurring).to(self.dtype)
        self._checkpoint.load(rest)
        self._load(0)
        whole, padding = table.weight, table.padding_idx
        table.weight, table.padding_idx = nn.Parameter(rows, requires_grad=False), None
        renumber = table.register_forward_pre_hook(lambda _, args: (torch.searchsorted(occurring, args[0]), *args[1:]))
        try:
            yield base
        finally:
            renumber.remove()
            table.weight, table.padding_idx = whole, padding
            release(self.blocks[0])


def release(module: nn.Module) -> None:
    """Let go of a module's weights; shapes and dtypes stay."""
    for owner in module.modules():
        for name, parameter in owner._parameters.items():
            if parameter is not None:
                owner._parameters[name] = nn.Parameter(parameter.to("meta"), requires_grad=False)


def configuration(directory: Path, trusted: bool | None = None) -> PreTrainedConfig:
    """The configuration of a checkpoint directory; its own code runs only if trusted, by default as the record says."""
    trusted = is_trusted(directory) if trusted is None else trusted
    return AutoConfig.from_pretrained(directory, local_files_only=True, trust_remote_code=trusted)


def without_weights(config: PreTrainedConfig, dtype: torch.dtype, trusted: bool = False) -> PreTrainedModel:
    """The causal language model of a configuration, its parameters on the meta device, in evaluation mode."""
    # Buffers that are not stored, such as the frequencies of rotary embeddings, are computed at once.
    with init_empty_weights(include_buffers=False):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype, trust_remote_code=trusted)
    # Experts one after the other, each with its tokens: only so can it be seen what an expert is given.
    model.config._experts_implementation = "eager"
    compute_fast_on_cpu(model)
    forget_longer_texts(model)
    return model.eval().requires_grad_(False)
