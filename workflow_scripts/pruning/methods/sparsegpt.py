"""SparseGPT (Frantar & Alistarh 2023): prune and compensate column by column."""

from collections.abc import Sequence

import torch

from workflow_scripts.pruning.methods import PrunedLinear
from workflow_scripts.pruning.patterns import Pattern
from workflow_scripts.pruning.sparsegpt import factorise, prune_columns, refuse_pattern
from workflow_scripts.pruning.statistics import Statistics

STATISTICS = "gram"
CHANGES_WEIGHTS = True


def prune(weights: Sequence[torch.Tensor], statistics: Statistics, pattern: Pattern) -> list[PrunedLinear]:
    """See `methods.Method.prune`."""
    refuse_pattern(pattern, weights[0].shape[1])
    upper, dead, damping = factorise(statistics.total, statistics.windows)
    rows = [len(weight) for weight in weights]
    stacked = torch.cat([weight.T for weight in weights], dim=1).to(upper.dtype)
    stacked[dead] = 0
    keep = prune_columns(stacked, upper, pattern, rows)
    return [
        PrunedLinear(mask.T.contiguous(), pruned.T.contiguous().to(weight.dtype), damping)
        for mask, pruned, weight in zip(keep.split(rows, dim=1), stacked.split(rows, dim=1), weights, strict=True)
    ]
