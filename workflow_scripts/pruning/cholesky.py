"""The upper Cholesky factor of an inverse, in place of the matrix itself, from its upper triangle alone.

A = R R^T with R upper is the Cholesky factorisation with rows and columns reversed; then A^-1 = U^T U with U = R^-1, also
upper: one factorisation and one triangular inverse, where the textbook way takes two factorisations and an inverse. Both
run panel by panel, left-looking: what is not yet factorised is read and never written, and the strict lower triangle
holds a copy of A for another attempt.
"""

import torch


def mirror_upper(matrix: torch.Tensor) -> None:
    """Copy the upper triangle of a square matrix to its lower one, in place."""
    for start, end in _panels(len(matrix), panel_of(len(matrix))):
        block = matrix[start:end, start:end]
        block.copy_(block.triu() + block.triu(1).T)
        matrix[end:, start:end] = matrix[start:end, end:].T


def invert_factor(matrix: torch.Tensor) -> torch.Tensor:
    """Write U with A^-1 = U^T U over the upper triangle of A, in place; the strict lower triangle stays as it is.

    Args:
        matrix: A [n, n], positive definite, float32 or float64; only its upper triangle is read.

    Returns:
        A boolean scalar on the matrix's device: False when A is not positive definite or U is not finite; the upper
        triangle then holds nothing of use. Nothing here waits for the device.
    """
    failures = _factorise(matrix)
    _invert(matrix)
    finite = torch.isfinite(torch.stack(torch.aminmax(matrix))).all()
    return finite & (torch.stack(failures).sum() == 0)


def panel_of(size: int) -> int:
    """Columns at a time: an eighth of all, between 128 and 512.

    Measured on 640 to 4096 columns: narrower panels leave less to slow small factorisations, wider ones mean fewer
    operations, which several threads that do not have the machine to themselves wait for.
    """
    return min(512, max(128, size // 8))


def _panels(size: int, width: int) -> list[tuple[int, int]]:
    return [(start, min(start + width, size)) for start in range(0, size, width)]


def _factorise(matrix: torch.Tensor) -> list[torch.Tensor]:
    """A = R R^T from the last panel to the first: R above the diagonal blocks, their inverses in them; LAPACK's infos."""
    failures = []
    for start, end in reversed(_panels(len(matrix), panel_of(len(matrix)))):
        rest = matrix[start:end, end:].T
        block = matrix[start:end, start:end].addmm(matrix[start:end, end:], rest, alpha=-1)
        inverse, failed = _invert_block(block)
        matrix[start:end, start:end].tril_(-1).add_(inverse)
        above = matrix[:start, start:end]
        above.addmm_(matrix[:start, end:], rest, alpha=-1)
        above.copy_(above @ inverse.T)
        failures.append(failed)
    return failures


def _invert_block(block: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(U of one block, strictly upper with zeros below; LAPACK's info)."""
    lower, failed = torch.linalg.cholesky_ex(block.flip(0, 1))
    identity = torch.eye(len(block), dtype=block.dtype, device=block.device)
    return torch.linalg.solve_triangular(lower, identity, upper=False).flip(0, 1).triu(), failed


def _invert(matrix: torch.Tensor) -> None:
    """R to R^-1, its diagonal blocks being inverted already: U_ij = -sum_k U_ik R_kj U_jj, i <= k < j."""
    for start, end in _panels(len(matrix), panel_of(len(matrix))):
        matrix[:start, start:end] = matrix[:start, start:end] @ matrix[start:end, start:end].triu()
        for top, bottom in _panels(start, panel_of(len(matrix))):
            # From the top: the rows below are read and still hold R.
            diagonal = matrix[top:bottom, top:bottom].triu() @ matrix[top:bottom, start:end]
            diagonal.addmm_(matrix[top:bottom, bottom:start], matrix[bottom:start, start:end])
            torch.neg(diagonal, out=matrix[top:bottom, start:end])
