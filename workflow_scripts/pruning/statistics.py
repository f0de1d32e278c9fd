"""What calibration leaves behind for the linears that share an input. Sums run in float32 or wider."""

import torch


class NumericFailure(ArithmeticError):
    """Numbers that cannot be computed with: non-finite activations, a Gram matrix that cannot be factorised."""


def accumulator_dtype(dtype: torch.dtype) -> torch.dtype:
    """float32 for all that is narrower, else the dtype itself."""
    return torch.promote_types(dtype, torch.float32)


def accumulate_squared_norms(total: torch.Tensor, inputs: torch.Tensor, weights: torch.Tensor) -> None:
    """Add the weighted squared norms of a batch to `total` [in_features], in place.

    Args:
        inputs: [windows, length, in_features].
        weights: [windows], the weight of each window, in the dtype of `total`.
    """
    squares = inputs.to(total.dtype).square().sum(dim=1)
    total += weights @ squares


def accumulate_gram(total: torch.Tensor, inputs: torch.Tensor, weights: torch.Tensor) -> None:
    """Add the weighted X^T X of a batch to `total` [in_features, in_features], in place; arguments as above."""
    scaled = inputs.to(total.dtype)
    if not bool((weights == 1).all()):
        scaled = scaled * weights.sqrt()[:, None, None]
    rows = scaled.flatten(0, 1)
    total.addmm_(rows.T, rows)


class Statistics:
    """The statistics of one shared input: squared norms, or the whole Gram matrix whose diagonal they are."""

    def __init__(self, kind: str, features: int, dtype: torch.dtype, device: torch.device) -> None:
        """kind: `squared_norms` or `gram`; dtype: the inputs' dtype."""
        shape = (features, features) if kind == "gram" else (features,)
        self._accumulate = accumulate_gram if kind == "gram" else accumulate_squared_norms
        self.total = torch.zeros(shape, dtype=accumulator_dtype(dtype), device=device)
        self.windows = 0

    def update(self, inputs: torch.Tensor, weights: torch.Tensor) -> None:
        """Take in a batch [windows, length, in_features] with the weights [windows] of its windows."""
        # Cast before the move: not every device knows float64.
        self._accumulate(self.total, inputs, weights.to(self.total.dtype).to(inputs.device))
        self.windows += len(inputs)

    def check(self, where: str) -> None:
        """Raise NumericFailure, naming the place, when a sum is not finite."""
        if not torch.isfinite(self.total).all():
            raise NumericFailure(f"The inputs of {where} are not finite: use compute.dtype float32 or bfloat16.")
