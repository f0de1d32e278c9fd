"""`columns.loop_over_columns` as one kernel: each program keeps a few rows of the block in registers for all its columns.

Rows never meet inside a block: an unstructured mask is known beforehand, N:M is chosen row by row. Imported only on cuda
with triton installed; TRITON_INTERPRET=1 runs it on a CPU, for tests.
"""

import torch
import triton
import triton.language as tl

from workflow_scripts.pruning.patterns import NofM, Pattern

ROWS, WARPS = 16, 8
"""Rows and warps a program: compiled for compute capability 9.0, 128 x 16 numbers stay in at most 128 registers a thread,
with nothing spilled to memory, in float32 and float64; 32 rows spill with 4 warps."""


def prune_block(
    weight: torch.Tensor, upper: torch.Tensor, pattern: Pattern, keep: torch.Tensor, errors: torch.Tensor
) -> None:
    """Arguments and effect as `columns.loop_over_columns`; all are views with unit stride along their last dimension."""
    columns, rows = weight.shape
    drops, of = (pattern.of - pattern.keep, pattern.of) if isinstance(pattern, NofM) else (0, 0)
    _prune_rows[triton.cdiv(rows, ROWS),](
        weight,
        upper,
        keep.view(torch.uint8),
        errors,
        columns,
        rows,
        weight.stride(0),
        upper.stride(0),
        keep.stride(0),
        errors.stride(0),
        DROPS=drops,
        OF=of,
        COLUMNS=triton.next_power_of_2(columns),
        ROWS=ROWS,
        num_warps=WARPS,
    )


@triton.jit
def _prune_rows(
    weight_at,
    upper_at,
    keep_at,
    errors_at,
    columns,
    rows,
    weight_stride,
    upper_stride,
    keep_stride,
    errors_stride,
    DROPS: tl.constexpr,
    OF: tl.constexpr,
    COLUMNS: tl.constexpr,
    ROWS: tl.constexpr,
):
    """A group of M starts whenever the column is its multiple; OF is 0 where the mask is given."""
    row = (tl.program_id(0) * ROWS + tl.arange(0, ROWS)).to(tl.int64)
    column = tl.arange(0, COLUMNS).to(tl.int64)
    inside = (column < columns)[:, None] & (row < rows)[None, :]
    weight = tl.load(weight_at + column[:, None] * weight_stride + row[None, :], mask=inside, other=0.0)
    diagonal = tl.load(upper_at + column * (upper_stride + 1), mask=column < columns, other=1.0)
    keep_tile = keep_at + column[:, None] * keep_stride + row[None, :]
    drop = tl.load(keep_tile, mask=inside, other=1).to(tl.int32) == 0
    for j in range(columns):
        if OF > 0:  # noqa: SIM102 - decided when compiled, before j % 0 is met
            if j % OF == 0:
                saliency = (weight * weight) / (diagonal * diagonal)[:, None]
                group = (column >= j) & (column < j + OF)
                rank = tl.zeros([COLUMNS, ROWS], dtype=tl.int32)
                for i in range(OF):
                    other = tl.sum(tl.where((column == j + i)[:, None], saliency, 0.0), axis=0)[None, :]
                    first = (other < saliency) | ((other == saliency) & (column > j + i)[:, None])
                    rank += first.to(tl.int32)
                drop = tl.where(group[:, None], rank < DROPS, drop)
        here = (column == j)[:, None]
        value = tl.sum(tl.where(here & drop, weight, 0.0), axis=0)
        factors = tl.load(upper_at + j * upper_stride + column, mask=(column > j) & (column < columns), other=0.0)
        error = value / tl.sum(tl.where(column == j, diagonal, 0.0), axis=0)
        tl.store(errors_at + j * errors_stride + row, error, mask=row < rows)
        weight -= factors[:, None] * error[None, :]
    tl.store(weight_at + column[:, None] * weight_stride + row[None, :], weight, mask=inside)
    tl.store(keep_tile, tl.where(drop, 0, 1).to(tl.uint8), mask=inside)
