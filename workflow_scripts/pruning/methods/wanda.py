"""Wanda (Sun et al. 2023): the smallest |W_ij| * ||X_j||_2 of every output row go."""

from collections.abc import Sequence

import torch

from workflow_scripts.pruning.criteria import wanda_mask
from workflow_scripts.pruning.methods import PrunedLinear
from workflow_scripts.pruning.patterns import Pattern
from workflow_scripts.pruning.statistics import Statistics

STATISTICS = "squared_norms"
CHANGES_WEIGHTS = False


def prune(weights: Sequence[torch.Tensor], statistics: Statistics, pattern: Pattern) -> list[PrunedLinear]:
    """See `methods.Method.prune`."""
    return [PrunedLinear(wanda_mask(weight, statistics.total, pattern)) for weight in weights]
