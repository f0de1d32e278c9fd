"""SparseGPT (Frantar & Alistarh 2023): prune column by column, and let the columns on the right make up for the error.

Weights are held transposed, [in_features, rows], so that a column of W is contiguous; the rows of linears that share their
input are stacked, for they share the factorisation and never meet: each linear has its own threshold.
"""

import torch

from workflow_scripts.pruning.patterns import COLUMNS, NofM, Pattern
from workflow_scripts.pruning.selection import smallest_per_row
from workflow_scripts.pruning.statistics import NumericFailure

DAMPING = 0.01
DAMPING_STEPS = 5


def factorise(gram: torch.Tensor, windows: int) -> tuple[torch.Tensor, torch.Tensor, float]:
    """The upper Cholesky factor U of the inverse Hessian, H^-1 = U^T U, with H = 2 X^T X / windows.

    Dead inputs get H_jj = 1; then 0.01 of the mean diagonal is added, ten times as much at each further attempt.

    Args:
        gram: X^T X [in_features, in_features].
        windows: number of windows (not tokens) behind it.

    Returns:
        (U, dead inputs [in_features] boolean, damping used as a share of the mean diagonal)

    Raises:
        NumericFailure: no damping up to 100 times the mean diagonal makes H positive definite.
    """
    hessian = gram * (2 / windows)
    diagonal = hessian.diagonal()
    dead = diagonal == 0
    diagonal[dead] = 1
    mean = diagonal.mean()
    damping = added = 0.0
    for step in range(DAMPING_STEPS):
        damping = DAMPING * 10**step
        diagonal += (damping - added) * mean
        added = damping
        lower, failed = torch.linalg.cholesky_ex(hessian)
        if not failed:
            upper, failed = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
            if not failed and torch.isfinite(upper).all():
                return upper, dead, damping
    raise NumericFailure(f"The Gram matrix cannot be factorised, even with {damping:g} of its mean diagonal added.")


def refuse_pattern(pattern: Pattern, features: int) -> None:
    """Raise ValueError when groups of N:M would straddle two column blocks or the end of a row."""
    if isinstance(pattern, NofM) and (COLUMNS % pattern.of or features % pattern.of):
        raise ValueError(
            f"SparseGPT needs an M that divides {COLUMNS} and the {features} inputs of a linear: "
            f"{pattern.keep}:{pattern.of} does not; use 2:4 or 4:8."
        )


def prune_columns(weight: torch.Tensor, upper: torch.Tensor, pattern: Pattern, rows: list[int]) -> torch.Tensor:
    """Prune transposed, stacked weights in place.

    Args:
        weight: [in_features, sum of rows], float32 or wider, columns of dead inputs already zero; overwritten.
        upper: [in_features, in_features], see `factorise`.
        rows: number of output rows of each stacked linear.

    Returns:
        Keep mask [in_features, sum of rows].
    """
    keep = torch.empty_like(weight, dtype=torch.bool)
    for start in range(0, len(weight), COLUMNS):
        end = min(start + COLUMNS, len(weight))
        errors = _prune_block(weight[start:end], upper[start:end, start:end], pattern, rows, keep[start:end])
        weight[end:].addmm_(upper[start:end, end:].T, errors, alpha=-1)
    return keep


def _prune_block(
    weight: torch.Tensor, upper: torch.Tensor, pattern: Pattern, rows: list[int], keep: torch.Tensor
) -> torch.Tensor:
    """Prune the columns of one block in place, fill their keep mask, return their errors [columns, rows]."""
    scale = upper.diagonal()[:, None].square()
    errors = torch.empty_like(weight)
    if not isinstance(pattern, NofM):
        keep.copy_(_above_threshold(weight.square() / scale, pattern.ratio, rows))
    for column in range(len(weight)):
        if isinstance(pattern, NofM) and column % pattern.of == 0:
            group = slice(column, column + pattern.of)
            scores = (weight[group].square() / scale[group]).T
            keep[group] = ~smallest_per_row(scores, pattern.of - pattern.keep).T
        dropped = weight[column].masked_fill(keep[column], 0)
        weight[column] -= dropped
        errors[column] = dropped / upper[column, column]
        weight[column + 1 :].addr_(upper[column, column + 1 :], errors[column], alpha=-1)
    return errors


def _above_threshold(scores: torch.Tensor, ratio: float, rows: list[int]) -> torch.Tensor:
    """One threshold a linear over all rows of the block; what equals it goes too, as in the published code."""
    parts = []
    for part in scores.split(rows, dim=1):
        threshold = part.flatten().kthvalue(int(part.numel() * ratio) + 1).values
        parts.append(part > threshold)
    return torch.cat(parts, dim=1)
