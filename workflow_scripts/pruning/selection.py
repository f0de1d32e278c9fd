"""Mark the smallest scores of a comparison group, ties decided by position, without sorting.

Scores are finite. What is needed beside them is a copy of the scores to select from and a few bytes a score: callers that
compare within rows pass as many rows at a time as they can afford (`row_chunks`).
"""

from collections.abc import Iterator

import torch

from workflow_scripts.pruning.patterns import NofM

CHUNK_SCORES = 2**24
"""Scores of one chunk of rows: 64 MB of float32."""

RANKED = 8
"""Largest M of N:M for which counting, M^2 / 2 comparisons a group, beats selection on a CPU."""


def row_chunks(rows: int, columns: int) -> Iterator[slice]:
    """Slices of rows that bound the memory of what is computed of them."""
    step = max(1, CHUNK_SCORES // max(1, columns))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def kth_smallest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """The `count`-th smallest score of each row of [rows, columns], from 1 on, as [rows, 1]; no wait for a device."""
    if scores.device.type != "cpu":
        return scores.kthvalue(count, dim=1, keepdim=True).values
    # numpy's introselect is vectorised; it has no 16-bit floats of torch's, and float32 holds them exactly.
    wide = scores.detach().to(torch.promote_types(scores.dtype, torch.float32), copy=True).contiguous()
    wide.numpy().partition(count - 1, axis=1)
    return wide[:, count - 1 : count].to(scores.dtype)


def smallest_per_row(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Mark exactly the `count` smallest scores of each row; of equal scores the lower column is marked first.

    Equal to marking the first `count` entries of a stable ascending sort.

    Args:
        scores: [rows, columns], finite.
        count: from 0 to the number of columns.

    Returns:
        Boolean [rows, columns], True where the score is among the smallest.
    """
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    threshold = kth_smallest(scores, count)
    marked = scores <= threshold
    crowded = marked.sum(dim=1) > count
    if crowded.any():
        some, at = scores[crowded], threshold[crowded]
        marked[crowded] = _below_and_first_ties(some, at, count - (some < at).sum(dim=1, keepdim=True))
    return marked


def smallest_of_matrix(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Mark exactly the `count` smallest of all scores; of equal ones the upper row, then the lower column goes first.

    Shapes as in `smallest_per_row`; ties are settled in chunks of rows.
    """
    if count == 0:
        return torch.zeros_like(scores, dtype=torch.bool)
    threshold = kth_smallest(scores.reshape(1, -1), count)
    marked = torch.empty_like(scores, dtype=torch.bool)
    chunks = list(row_chunks(*scores.shape))
    wanted = count - sum((scores[rows] < threshold).sum() for rows in chunks)
    for rows in chunks:
        ties = (scores[rows] == threshold).sum(dim=1, keepdim=True)
        before = ties.cumsum(dim=0) - ties
        marked[rows] = _below_and_first_ties(scores[rows], threshold, wanted - before)
        wanted = wanted - ties.sum()
    return marked


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
    groups, count = scores.reshape(-1, pattern.of), pattern.of - pattern.keep
    marked = lowest_ranks(groups.T.contiguous(), count).T if pattern.of <= RANKED else smallest_per_row(groups, count)
    return marked.reshape(rows, columns)


def lowest_ranks(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Mark the `count` smallest of each column of [few, many], few up to 128; of equal scores the upper row goes first.

    The rank of a score is the number of those that go before it: every later one at first, less those that prove not to.
    No wait for a device.
    """
    few = len(scores)
    if few > RANKED and scores.device.type == "cpu":
        return smallest_per_row(scores.T.contiguous(), count).T
    ranks = torch.arange(few - 1, -1, -1, dtype=torch.int8, device=scores.device)
    ranks = ranks[:, None].expand(scores.shape).contiguous()
    for distance in range(1, few):
        upper_first = (scores[:-distance] <= scores[distance:]).view(torch.int8)
        ranks[distance:] += upper_first
        ranks[:-distance] -= upper_first
    return ranks < count


def _below_and_first_ties(scores: torch.Tensor, threshold: torch.Tensor, ties: torch.Tensor) -> torch.Tensor:
    """Mark what lies below the threshold, and the first `ties` [rows, 1] of what equals it in each row."""
    tied = scores == threshold
    return (scores < threshold) | (tied & (tied.cumsum(dim=1) <= ties))
