"""Wanda (Sun et al. 2023): the smallest |W_ij| * ||X_j||_2 of every output row go."""

from collections.abc import Sequence

import torch

from workflow_scripts.pruning.criteria import wanda_mask
from workflow_scripts.pruning.methods.loading import PrunedLinear
from workflow_scripts.pruning.patterns import Pattern
from workflow_scripts.pruning.statistics import Statistics


def prune(weights: Sequence[torch.Tensor], statistics: Statistics, pattern: Pattern) -> list[PrunedLinear]:
    """See `methods.loading.Method`."""
    return [PrunedLinear(wanda_mask(weight, statistics.total, pattern)) for weight in weights]
