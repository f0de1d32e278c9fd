"""Whether two computations of the same hidden states differ by more than other kernels and other orders of sums make."""

import torch

NEGLIGIBLE = 1e-3
"""Relative change of a token's state that is none, in float32."""


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest relative difference of a token's states [..., hidden]; 0 where rounding explains it, NaN where one is not
    finite."""
    error = ((found - expected).float().norm(dim=-1) / expected.float().norm(dim=-1).clamp(min=1e-30)).max().item()
    # Not a number compares as false.
    return 0.0 if error <= max(NEGLIGIBLE, 8 * torch.finfo(expected.dtype).eps) else error
