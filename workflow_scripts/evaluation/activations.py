"""Which neurons of the feed-forward layers fire on the texts of a language, and how often.

A neuron fires on a token where the activation function gives more than zero (Tang et al. 2024, LAPE). Texts are counted in two
halves of equally many tokens, from different documents, so that what depends on the texts alone can be told.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pyarrow as pa
import torch
from torch import nn
from tqdm import tqdm
from transformers import PreTrainedModel

from workflow_scripts.evaluation.chunks import Chunk
from workflow_scripts.evaluation.schemas.activations import ACTIVATIONS_SCHEMA
from workflow_scripts.models.blocks import UnsupportedArchitecture, find_blocks
from workflow_scripts.models.experts import holds_experts

KINDS = re.compile("elu|silu|swish|mish|sigmoid|tanh|activation", re.IGNORECASE)
"""In the names of classes of activation functions: GELUTanh, SiLU, BloomGelu."""


def halve(chunks: Sequence[Chunk], tokens: int) -> tuple[list[Chunk], list[Chunk]]:
    """Two halves of chunks with `tokens // 2` scored tokens each: of every other document, cut where they are full.

    Raises:
        ValueError: the documents of a half have fewer tokens.
    """
    documents = list(dict.fromkeys(chunk.doc_id for chunk in chunks))
    halves = []
    for start in range(2):
        own = set(documents[start::2])
        taken, missing = [], tokens // 2
        for chunk in chunks:
            if chunk.doc_id in own and missing > 0:
                taken.append(Chunk(chunk.doc_id, chunk.token_ids[: missing + 1]))
                missing -= len(taken[-1].token_ids) - 1
        if missing > 0:
            raise ValueError(
                f"Half of the evaluation documents have {tokens // 2 - missing} tokens, fewer than the {tokens // 2} that "
                f"half of evaluation.activations.tokens is: lower that number to {2 * (tokens // 2 - missing)} or less, the "
                "same in every language, or raise the corpus's evaluation_share."
            )
        halves.append(taken)
    return halves[0], halves[1]


@torch.no_grad()
def count_firing(model: PreTrainedModel, chunks: Sequence[Chunk], batch: int) -> torch.Tensor:
    """On how many scored tokens each neuron fires: int64 [blocks, neurons], on the CPU.

    Args:
        model: the model.
        chunks: what goes through it; the first token of each is not counted.
        batch: chunks at a time.

    Raises:
        UnsupportedArchitecture: see `find_activation`.
    """
    counts: list[torch.Tensor] = []
    ordered = sorted(chunks, key=lambda chunk: -len(chunk.token_ids))
    for start in tqdm(range(0, len(ordered), batch), desc="neurons", unit="batch", disable=None):
        rows = [chunk.token_ids for chunk in ordered[start : start + batch]]
        longest = max(map(len, rows))
        padded = torch.tensor([ids + [0] * (longest - len(ids)) for ids in rows], device=model.device)
        own = torch.tensor([[0 < at < len(ids) for at in range(longest)] for ids in rows], device=model.device)
        with _activations(model) as found:
            model.base_model(input_ids=padded, use_cache=False)
        fired = [(values.reshape(*own.shape, -1)[own] > 0).sum(0).cpu() for values in found]
        counts = [total + more for total, more in zip(counts, fired, strict=True)] if counts else fired
    return torch.stack(counts)


def activations_table(halves: Sequence[torch.Tensor], tokens: int) -> pa.Table:
    """Counts of both halves [blocks, neurons] as a table of ACTIVATIONS_SCHEMA; `tokens` are those of a half."""
    blocks, neurons = halves[0].shape
    place = torch.cartesian_prod(torch.arange(blocks), torch.arange(neurons))
    columns = [place[:, 0], place[:, 1], *(half.flatten() for half in halves), torch.full((blocks * neurons,), tokens)]
    arrays = [
        pa.array(column.numpy()).cast(field.type) for column, field in zip(columns, ACTIVATIONS_SCHEMA, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=ACTIVATIONS_SCHEMA)


def find_activation(block: nn.Module) -> nn.Module:
    """The activation function of a block's feed-forward layer.

    Raises:
        UnsupportedArchitecture: the block has none as a module of its own, or several (mixtures of experts).
    """
    found = [
        module
        for module in block.modules()
        if KINDS.search(type(module).__name__) and not [*module.children(), *module.parameters()]
    ]
    if len(found) != 1 or any(holds_experts(module) for module in block.modules()):
        raise UnsupportedArchitecture(
            f"{type(block).__name__} has no feed-forward layer with one activation function, so that its neurons cannot be "
            "told (mixtures of experts are not supported): leave evaluation.activations out."
        )
    return found[0]


@contextmanager
def _activations(model: PreTrainedModel) -> Iterator[list[torch.Tensor]]:
    """A list that a forward pass inside fills with what the activation function of every block gives, in order."""
    values: list[torch.Tensor] = []

    def keep(_: nn.Module, __: Any, output: torch.Tensor) -> None:
        values.append(output)

    with ExitStack() as handles:
        for block in find_blocks(model):
            handles.callback(find_activation(block).register_forward_hook(keep).remove)
        yield values
