"""SparseGPT (Frantar & Alistarh 2023): prune and compensate column by column."""

from collections.abc import Iterator, Sequence

import torch

from workflow_scripts.pruning.columns import prune_columns
from workflow_scripts.pruning.methods.loading import PrunedLinear
from workflow_scripts.pruning.patterns import Pattern
from workflow_scripts.pruning.sparsegpt import DAMPING, factorise, refuse_pattern
from workflow_scripts.pruning.statistics import NumericFailure, Statistics

STACKED_ROWS = 4096
"""Rows up to which linears are stacked: small ones gain speed, large ones would only need more memory at a time."""


def prune(weights: Sequence[torch.Tensor], statistics: Statistics, pattern: Pattern) -> list[PrunedLinear]:
    """See `methods.loading.Method`; the statistics are used up: the Gram matrix becomes its factor.

    Raises:
        NumericFailure: the Gram matrix cannot be factorised, or a weight is not finite before or after.
        ValueError: see `refuse_pattern`.
    """
    refuse_pattern(pattern, weights[0].shape[1])
    upper, dead, damping = factorise(statistics.total, statistics.windows)
    warning = f"damping raised to {damping:g} of the mean diagonal" if damping > DAMPING else ""
    return [
        PrunedLinear(mask, pruned, damping, warning)
        for stack in _stacks(weights)
        for mask, pruned in _prune_stack(stack, upper, dead, pattern)
    ]


def _stacks(weights: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
    """Neighbours together as long as they have no more than STACKED_ROWS rows."""
    stacks: list[list[torch.Tensor]] = [[]]
    for weight in weights:
        if stacks[-1] and sum(map(len, stacks[-1])) + len(weight) > STACKED_ROWS:
            stacks.append([])
        stacks[-1].append(weight)
    return stacks


def _prune_stack(
    weights: list[torch.Tensor], upper: torch.Tensor, dead: torch.Tensor, pattern: Pattern
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(mask, new weight in the dtype of the old one) of each linear, rows first again."""
    rows = [len(weight) for weight in weights]
    stacked = upper.new_empty(len(upper), sum(rows))
    for part, weight in zip(stacked.split(rows, dim=1), weights, strict=True):
        part.copy_(weight.T)
    stacked.masked_fill_(dead[:, None], 0)
    keep = prune_columns(stacked, upper, pattern, rows)
    if not torch.isfinite(torch.stack(torch.aminmax(stacked))).all():
        raise NumericFailure("A weight is not finite, before or after the compensation.")
    for mask, pruned, weight in zip(keep.split(rows, dim=1), stacked.split(rows, dim=1), weights, strict=True):
        yield mask.T.contiguous(), pruned.T.to(weight.dtype).contiguous()
