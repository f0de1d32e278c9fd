"""What calibration leaves behind for the linears that share an input. Sums run in float32 or wider."""

from itertools import groupby

import torch

from workflow_scripts.models.cpu import add_product, is_quick

CACHED = 2**18
"""Inputs that are squared at a time on a CPU: they and their squares stay in a cache."""

TRANSPOSED = 2**20
"""Inputs that are transposed at a time on a CPU: 4 MB of float32."""

TOKENS = 256
"""Tokens that are transposed at a time at least: of fewer, adding the product would take as long as the product."""

CAST = 2**24
"""Inputs that are cast to a wider type at a time: 64 MB of float32."""


class NumericFailure(ArithmeticError):
    """Numbers that cannot be computed with: non-finite activations, a Gram matrix that cannot be factorised."""


def accumulator_dtype(dtype: torch.dtype) -> torch.dtype:
    """float32 for all that is narrower, else the dtype itself."""
    return torch.promote_types(dtype, torch.float32)


def accumulate_squared_norms(total: torch.Tensor, inputs: torch.Tensor, weights: torch.Tensor) -> None:
    """Add the weighted squared norms of a batch to `total` [in_features], in place.

    Args:
        inputs: [windows, length, in_features].
        weights: [windows], the weight of each window; on the CPU, or the device is waited for.
    """
    windows, _, features = inputs.shape
    # Cast before the move: not every device knows float64.
    weights = weights.to(total.dtype).to(total.device)
    chunk = CACHED if inputs.device.type == "cpu" else CAST
    for part in inputs.split(max(1, chunk // max(1, windows * features)), dim=1):
        total += weights @ part.to(total.dtype).square().sum(dim=1)


def accumulate_gram(total: torch.Tensor, inputs: torch.Tensor, weights: torch.Tensor) -> None:
    """Add the weighted X^T X of a batch to `total` [in_features, in_features], in place; arguments as above.

    Only the upper triangle is complete: of each stripe of rows, what lies left of its diagonal block is not computed. A
    weight is a factor of the product of its windows, so that no scaled copy is made; windows of weight 0 are skipped.
    """
    features, stripe, quick = inputs.shape[-1], stripe_of(total), is_quick(total)
    tokens = max(TOKENS, TRANSPOSED // max(1, features)) if quick else max(1, CAST // max(1, features))
    start = 0
    for weight, run in groupby(weights.tolist()):
        windows = inputs[start : start + len(list(run))]
        start += len(windows)
        for part in windows.flatten(0, 1).split(tokens) if weight else ():
            columns = part.to(total.dtype).T
            columns = columns.contiguous() if quick else columns
            for top in range(0, features, stripe):
                rows = slice(top, top + stripe)
                add_product(total[rows, top:], columns[rows], columns[top:], alpha=weight)


def stripe_of(total: torch.Tensor) -> int:
    """Rows of the Gram matrix that are computed at a time: measured, 256 on a CPU, elsewhere an eighth of all, to 2048."""
    return 256 if total.device.type == "cpu" else min(2048, max(256, len(total) // 8))


class Statistics:
    """The statistics of one shared input: squared norms, or the Gram matrix whose diagonal they are.

    Attributes:
        total: squared norms [in_features], or X^T X [in_features, in_features] whose upper triangle alone is complete.
        windows: number of windows seen, whatever their weights.
    """

    def __init__(self, kind: str, features: int, dtype: torch.dtype, device: torch.device) -> None:
        """kind: `squared_norms` or `gram`; dtype: the inputs' dtype."""
        shape = (features, features) if kind == "gram" else (features,)
        self._accumulate = accumulate_gram if kind == "gram" else accumulate_squared_norms
        self.total = torch.zeros(shape, dtype=accumulator_dtype(dtype), device=device)
        self.windows = 0

    def update(self, inputs: torch.Tensor, weights: torch.Tensor) -> None:
        """Take in a batch [windows, length, in_features] with the weights [windows] of its windows."""
        self._accumulate(self.total, inputs, weights)
        self.windows += len(inputs)

    def norms(self) -> torch.Tensor:
        """The weighted norms of the input features over all tokens, float32 [in_features], on the CPU."""
        squared = self.total.diagonal() if self.total.dim() == 2 else self.total
        return squared.sqrt().float().cpu()

    def check(self, where: str) -> None:
        """Raise NumericFailure, naming the place, when a sum is not finite."""
        if not torch.isfinite(torch.stack(torch.aminmax(self.total))).all():
            raise NumericFailure(f"The inputs of {where} are not finite: use compute.dtype float32 or bfloat16.")
