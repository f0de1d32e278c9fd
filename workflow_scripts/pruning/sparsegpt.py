"""SparseGPT's Hessian (Frantar & Alistarh 2023): dead inputs, damping, and the factor that the column loop needs."""

import torch

from workflow_scripts.pruning.cholesky import invert_factor, mirror_upper
from workflow_scripts.pruning.patterns import COLUMNS, NofM, Pattern
from workflow_scripts.pruning.statistics import NumericFailure

DAMPING = 0.01
DAMPING_STEPS = 5


def factorise(gram: torch.Tensor, windows: int) -> tuple[torch.Tensor, torch.Tensor, float]:
    """The upper Cholesky factor U of the inverse Hessian, H^-1 = U^T U, with H = 2 X^T X / windows.

    Dead inputs get H_jj = 1; then 0.01 of the mean diagonal is added, ten times as much at each further attempt.

    Args:
        gram: X^T X [in_features, in_features], float32 or float64; only its upper triangle is read. It becomes U.
        windows: number of windows (not tokens) behind it.

    Returns:
        (U, dead inputs [in_features] boolean, damping used as a share of the mean diagonal)

    Raises:
        NumericFailure: no damping up to 100 times the mean diagonal makes H positive definite.
    """
    hessian = gram.mul_(2 / windows)
    diagonal = hessian.diagonal().clone()
    dead = diagonal == 0
    diagonal.masked_fill_(dead, 1)
    mean = diagonal.mean()
    mirror_upper(hessian)
    for step in range(DAMPING_STEPS):
        if step:
            mirror_upper(hessian.T)
        damping = DAMPING * 10**step
        hessian.diagonal().copy_(diagonal + damping * mean)
        if invert_factor(hessian):
            return hessian.triu_(), dead, damping
    raise NumericFailure(f"The Gram matrix cannot be factorised, even with {damping:g} of its mean diagonal added.")


def refuse_pattern(pattern: Pattern, features: int) -> None:
    """Raise ValueError when groups of N:M would straddle two column blocks or the end of a row."""
    if isinstance(pattern, NofM) and (COLUMNS % pattern.of or features % pattern.of):
        raise ValueError(
            f"SparseGPT needs an M that divides {COLUMNS} and the {features} inputs of a linear: "
            f"{pattern.keep}:{pattern.of} does not; use 2:4 or 4:8."
        )
