"""What pruning holds at a time, whether that fits, and where the hidden states of all windows go."""

import os
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from tempfile import NamedTemporaryFile

import torch
from torch import nn

from workflow_scripts.models.blocks import find_linears
from workflow_scripts.models.device import free_memory
from workflow_scripts.models.experts import ExpertLinear
from workflow_scripts.models.memory import available_memory, held_memory
from workflow_scripts.models.scratch import SCRATCH, scratch_folder
from workflow_scripts.models.streaming import StreamedModel
from workflow_scripts.pruning.hooks import SAMPLE_TOKENS, Linears
from workflow_scripts.pruning.statistics import accumulator_dtype

logger = getLogger(__name__)

PREFIX = "polyprune-hidden-states-"
"""What the file's name begins with, for as long as it has one."""


class NotEnoughMemory(ValueError):
    """A job that would not fit in the memory it may take."""


@dataclass(frozen=True)
class Needs:
    """Bytes that pruning holds at a time beside the hidden states, estimated before it starts.

    Attributes:
        block: weights of the largest block.
        statistics: of all linears of a block.
        work: activations of a batch and what it takes to prune the linears of one input.
    """

    block: int
    statistics: int
    work: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.block + self.statistics + self.work


def estimate_needs(model: StreamedModel, tokens: int, kind: str | None) -> Needs:
    """What pruning a model takes, from the shapes of its largest block.

    Args:
        model: the model, weights loaded or not.
        tokens: tokens that go through a block at a time, 0 without calibration.
        kind: `squared_norms`, `gram` or None.
    """
    block = max(model.blocks, key=_size)
    linears = find_linears(block)
    wide = widest(block)
    largest = max(linear.weight.numel() for linear in linears.values())
    size, exact = model.dtype.itemsize, accumulator_dtype(model.dtype).itemsize
    # What is kept of each expert's inputs to measure errors; of the other linears it is a few tokens.
    experts = [linear for linear in linears.values() if isinstance(linear, ExpertLinear)]
    statistics = sum(SAMPLE_TOKENS * linear.in_features for linear in experts) * size if kind else 0
    if kind == "gram":
        statistics += sum(features**2 for features in _inputs(linears)) * exact
    # Half a Gram matrix to invert it, and up to three times the weights that share it: stacked, compensated, kept.
    solving = max(linear.in_features for linear in linears.values()) ** 2 * exact // 2 if kind == "gram" else 0
    return Needs(_size(block) * size, statistics, 4 * tokens * wide * size + max(solving, 3 * largest * exact))


def widest(block: nn.Module) -> int:
    """The most features that a linear of a block reads or makes."""
    return max(max(linear.in_features, linear.out_features) for linear in find_linears(block).values())


def _inputs(linears: Linears) -> list[int]:
    """Features of the inputs that the linears of a block read, as far as shapes tell.

    Those of one module with equal inputs read one tensor (q, k and v; gate and up), but for its last, which reads what the
    others made (o, down); every expert is a module here.
    """
    modules: dict[str, list[int]] = {}
    for name, linear in linears.items():
        modules.setdefault(name.rpartition(".")[0], []).append(linear.in_features)
    return [features for inputs in modules.values() for features in (*set(inputs[:-1]), inputs[-1])]


def _size(block: nn.Module) -> int:
    return sum(parameter.numel() for parameter in block.parameters())


def allocate_hidden(
    shape: tuple[int, int, int], dtype: torch.dtype, needs: Needs, device: str, budget: int | None, folder: Path
) -> torch.Tensor:
    """An uninitialised buffer [windows, length, hidden] on the device, in memory, or in a file mapped to memory.

    Args:
        shape: of the buffer.
        dtype: of the buffer.
        needs: what else is held, see `estimate_needs`.
        device: where blocks run.
        budget: bytes of memory that the process may take in all; None for what the machine has available.
        folder: where the file goes on a machine without scratch; it must be there.

    Raises:
        NotEnoughMemory: what else is held does not fit by itself, or there is no room for the file.
    """
    size = dtype.itemsize * shape[0] * shape[1] * shape[2]
    on_device = free_memory(device)
    if on_device is not None:
        # Two blocks are there at a time: the one worked on and the next.
        _refuse(needs.total + needs.block, on_device, f"of {device}")
        if needs.total + needs.block + size <= on_device:
            return torch.empty(shape, dtype=dtype, device=device)
    there = available_memory() if budget is None else budget - held_memory()
    beside = needs.block if on_device is not None else needs.total
    _refuse(beside, there, "available" if budget is None else "left of pruning.memory")
    if beside + size <= there:
        return torch.empty(shape, dtype=dtype)
    folder = scratch_folder() or folder
    logger.info("the hidden states take %.1f GB: they are kept in a file in %s", size / 1e9, folder)
    return _map_file(folder, size, dtype).view(shape)


def _map_file(folder: Path, size: int, dtype: torch.dtype) -> torch.Tensor:
    """A tensor over a file of `size` bytes that loses its name at once: it goes with the process, however that ends."""
    with NamedTemporaryFile(dir=folder, prefix=PREFIX) as file:
        try:
            # A disk that is full later would be a signal in the middle of a calculation.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            raise NotEnoughMemory(
                f"The hidden states take {size / 1e9:.1f} GB in a file, for which {folder} has no room ({error.strerror}): make "
                f"room, raise pruning.memory, or name another folder with the environment variable {SCRATCH}."
            ) from error
        return torch.from_file(file.name, shared=True, size=size // dtype.itemsize, dtype=dtype)


def _refuse(needed: int, there: int, which: str) -> None:
    if needed > there:
        raise NotEnoughMemory(
            f"Pruning needs about {needed / 1e9:.2f} GB for a block, its statistics and a batch of windows, and "
            f"{max(there, 0) / 1e9:.2f} GB are {which}: lower pruning.batch, raise pruning.memory, take a method that "
            "needs less (wanda less than sparsegpt), or a machine with more memory."
        )
