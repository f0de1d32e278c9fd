"""Mark the smallest scores of a comparison group, ties decided by position."""

import torch

from workflow_scripts.pruning.patterns import NofM


def smallest_per_row(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Mark exactly the `count` smallest scores of each row; of equal scores the lower column is marked first.

    Equal to marking the first `count` entries of a stable ascending sort, without sorting.

    Args:
        scores: [rows, columns], finite.
        count: from 0 to the number of columns.

    Returns:
        Boolean [rows, columns], True where the score is among the smallest.
    """
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    threshold = scores.kthvalue(count, dim=1, keepdim=True).values
    below = scores < threshold
    tied = scores == threshold
    wanted = count - below.sum(dim=1, keepdim=True)
    return below | (tied & (tied.cumsum(dim=1) <= wanted))


def smallest_of_groups(scores: torch.Tensor, pattern: NofM) -> torch.Tensor:
    """Mark the smallest scores of every group of M consecutive columns; shapes and ties as in `smallest_per_row`.

    Raises:
        ValueError: the number of columns is no multiple of M.
    """
    rows, columns = scores.shape
    if columns % pattern.of:
        raise ValueError(
            f"{columns} inputs do not divide into groups of {pattern.of}: use another pattern for this model."
        )
    return smallest_per_row(scores.reshape(-1, pattern.of), pattern.of - pattern.keep).reshape(rows, columns)
