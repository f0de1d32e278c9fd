"""Magnitude pruning: the smallest |W| of the whole matrix go."""

from collections.abc import Sequence

import torch

from workflow_scripts.pruning.criteria import magnitude_scores, mask_by_matrix
from workflow_scripts.pruning.methods.loading import PrunedLinear
from workflow_scripts.pruning.patterns import Pattern


def prune(weights: Sequence[torch.Tensor], statistics: None, pattern: Pattern) -> list[PrunedLinear]:
    """See `methods.loading.Method`."""
    return [PrunedLinear(mask_by_matrix(magnitude_scores(weight), pattern)) for weight in weights]
