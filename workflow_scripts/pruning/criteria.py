"""Scores that say how much a weight matters, and the masks they lead to. W is [out_features, in_features]."""

import torch

from workflow_scripts.pruning.patterns import NofM, Pattern
from workflow_scripts.pruning.selection import row_chunks, smallest_of_groups, smallest_of_matrix, smallest_per_row


def magnitude_scores(weight: torch.Tensor) -> torch.Tensor:
    """|W|."""
    return weight.abs()


def wanda_scores(weight: torch.Tensor, squared_norms: torch.Tensor) -> torch.Tensor:
    """|W_ij| * ||X_j||_2 (Sun et al. 2023, eq. 1), in the dtype of the statistics.

    Args:
        weight: [out_features, in_features].
        squared_norms: [in_features], sums over tokens of squared inputs, up to a common factor.
    """
    return weight.abs().to(squared_norms.dtype) * squared_norms.sqrt()


def wanda_mask(weight: torch.Tensor, squared_norms: torch.Tensor, pattern: Pattern) -> torch.Tensor:
    """Keep mask of `wanda_scores` within each output row, or within each group; scores of few rows exist at a time."""
    keep = torch.empty_like(weight, dtype=torch.bool)
    for rows in row_chunks(*weight.shape):
        keep[rows] = mask_by_row(wanda_scores(weight[rows], squared_norms), pattern)
    return keep


def mask_by_row(scores: torch.Tensor, pattern: Pattern) -> torch.Tensor:
    """Keep mask; unstructured: floor(ratio * in_features) of every output row go."""
    if isinstance(pattern, NofM):
        return ~smallest_of_groups(scores, pattern)
    return ~smallest_per_row(scores, int(pattern.ratio * scores.shape[1]))


def mask_by_matrix(scores: torch.Tensor, pattern: Pattern) -> torch.Tensor:
    """Keep mask; unstructured: floor(ratio * size) of the whole matrix go, so rows differ in sparsity."""
    if isinstance(pattern, NofM):
        return ~smallest_of_groups(scores, pattern)
    return ~smallest_of_matrix(scores, int(pattern.ratio * scores.numel()))
