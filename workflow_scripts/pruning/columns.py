"""SparseGPT's loop over columns (Frantar & Alistarh 2023, algorithm 1): each column's error goes to those on its right.

Weights are held transposed, [in_features, rows], so that a column of W is contiguous; the rows of linears that share their
input are stacked, for they share the factorisation and never meet: each linear has its own threshold.
"""

from functools import cache
from types import ModuleType

import torch

from workflow_scripts.models.cpu import add_product
from workflow_scripts.models.kept import zero_dropped
from workflow_scripts.pruning.patterns import COLUMNS, NofM, Pattern
from workflow_scripts.pruning.selection import kth_smallest, lowest_ranks

NEAR = 32
"""Columns that get each error at once; the rest of a block gets those of NEAR columns in one product."""


def prune_columns(weight: torch.Tensor, upper: torch.Tensor, pattern: Pattern, rows: list[int]) -> torch.Tensor:
    """Prune transposed, stacked weights in place.

    Args:
        weight: [in_features, sum of rows], float32 or wider, columns of dead inputs already zero; overwritten.
        upper: [in_features, in_features], see `sparsegpt.factorise`; what lies below its diagonal is not read.
        rows: number of output rows of each stacked linear.

    Returns:
        Keep mask [in_features, sum of rows].
    """
    keep = torch.empty_like(weight, dtype=torch.bool)
    buffer = weight.new_empty(min(COLUMNS, len(weight)), weight.shape[1])
    for start in range(0, len(weight), COLUMNS):
        end = min(start + COLUMNS, len(weight))
        errors = buffer[: end - start]
        _prune_block(weight[start:end], upper[start:end, start:end], pattern, rows, keep[start:end], errors)
        add_product(weight[end:], upper[start:end, end:].T, errors.T, alpha=-1)
    return keep


def _prune_block(
    weight: torch.Tensor,
    upper: torch.Tensor,
    pattern: Pattern,
    rows: list[int],
    keep: torch.Tensor,
    errors: torch.Tensor,
) -> None:
    """Prune the columns of one block in place, fill their keep mask and their errors, both [columns, rows]."""
    if not isinstance(pattern, NofM):
        saliency = torch.square(weight, out=errors).div_(upper.diagonal()[:, None].square())
        _mark_above_threshold(saliency, pattern.ratio, rows, keep)
    kernel = fused_kernel(weight.device.type)
    if kernel:
        kernel.prune_block(weight, upper, pattern, keep, errors)
    else:
        loop_over_columns(weight, upper, pattern, keep, errors)
    zero_dropped(weight, keep)


def _mark_above_threshold(saliency: torch.Tensor, ratio: float, rows: list[int], keep: torch.Tensor) -> None:
    """One threshold a linear over all rows of the block; what equals it goes too, as in the published code."""
    for part, kept in zip(saliency.split(rows, dim=1), keep.split(rows, dim=1), strict=True):
        torch.gt(part, kth_smallest(part.reshape(1, -1), int(part.numel() * ratio) + 1), out=kept)


def loop_over_columns(
    weight: torch.Tensor, upper: torch.Tensor, pattern: Pattern, keep: torch.Tensor, errors: torch.Tensor
) -> None:
    """Compensate column by column: errors = dropped / U_jj, and w_k -= U_jk errors for all k > j of the block.

    Args:
        weight: [columns, rows], overwritten; the dropped ones are left at their value when their turn came.
        upper: [columns, columns], the block of U.
        pattern: N:M is chosen here, every M columns after compensation.
        keep: [columns, rows], read for an unstructured pattern, filled for N:M.
        errors: [columns, rows], overwritten.
    """
    columns, diagonal = len(weight), upper.diagonal()[:, None]
    near = max(NEAR, pattern.of) if isinstance(pattern, NofM) else NEAR
    divisors = None if isinstance(pattern, NofM) else _divisors(keep, diagonal)
    weight_rows, error_rows = weight.unbind(), errors.unbind()
    for start in range(0, columns, near):
        end = min(start + near, columns)
        for column in range(start, end):
            if isinstance(pattern, NofM) and column % pattern.of == 0:
                group = slice(column, column + pattern.of)
                saliency = weight[group].square().div_(diagonal[group].square())
                torch.logical_not(lowest_ranks(saliency, pattern.of - pattern.keep), out=keep[group])
                divisors = dict(enumerate(_divisors(keep[group], diagonal[group]), column))
            torch.div(weight_rows[column], divisors[column], out=error_rows[column])
            if column + 1 < end:
                weight[column + 1 : end].addr_(upper[column, column + 1 : end], error_rows[column], alpha=-1)
        weight[end:].addmm_(upper[start:end, end:].T, errors[start:end], alpha=-1)


def _divisors(keep: torch.Tensor, diagonal: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What each column is divided by to be its errors: U_jj, or infinity where a weight is kept and leaves none.

    So a column takes one operation and not three.
    """
    return (diagonal / ~keep).unbind()


@cache
def fused_kernel(device: str) -> ModuleType | None:
    """The module that does the work of `loop_over_columns` in one launch, on cuda with triton installed."""
    if device != "cuda":
        return None
    try:
        from workflow_scripts.pruning import triton_columns
    except ModuleNotFoundError as error:
        if error.name != "triton":
            raise
        return None
    return triton_columns
