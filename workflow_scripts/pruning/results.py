"""What pruning a linear leaves behind."""

import math
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Diagnostics:
    """A row of `layers.parquet`; errors are NaN where nothing was calibrated.

    Attributes:
        sparsity: share of the weights that went.
        local_error: relative error of the output for equal inputs, dense against pruned weights.
        path_error: relative error of the output, the dense model's own against the pruned model's own; NaN for experts,
            which are sent other tokens in the two.
        signal_to_noise: dB, from `local_error`.
        damping: share of the mean diagonal added to the Hessian.
        sample_tokens: number of tokens behind the errors, of an expert those that it is sent.
        criterion: what decided which weights went: the method's name, or `magnitude` for an expert that no token of the
            calibration was sent to.
    """

    sparsity: float
    local_error: float = math.nan
    path_error: float = math.nan
    signal_to_noise: float = math.nan
    damping: float = math.nan
    sample_tokens: int = 0
    criterion: str = field(kw_only=True)


@dataclass(frozen=True)
class LinearResult:
    """A pruned linear of the model, on the CPU.

    Attributes:
        block: number of its block.
        module: its name within the block.
        mask: boolean [out_features, in_features], True where the weight is kept.
        kept: new values of the kept weights [kept], row by row; None when the method does not change them.
        diagnostics: its row of `layers.parquet`.
        input_norms: norms of its input features over the calibration, float32 [in_features]; None where nothing was
            calibrated.
    """

    block: int
    module: str
    mask: torch.Tensor
    kept: torch.Tensor | None
    diagnostics: Diagnostics
    input_norms: torch.Tensor | None = None
