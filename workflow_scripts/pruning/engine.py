"""Prune a model block by block with sequential propagation: a block sees the output of the already pruned blocks.

Per block: one pass over all windows with the block still dense collects the statistics of all its linears; they are all
pruned; a second pass with the pruned block writes the inputs of the next block.
"""

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from logging import getLogger

import torch
from torch import nn
from tqdm import tqdm
from transformers import PreTrainedModel

from workflow_scripts.models.blocks import find_blocks, find_linears
from workflow_scripts.pruning.diagnostics import decibel, relative_error
from workflow_scripts.pruning.hooks import SAMPLE_TOKENS, InputListener, SharedInput, output_samples
from workflow_scripts.pruning.methods import Method, PrunedLinear
from workflow_scripts.pruning.patterns import Pattern
from workflow_scripts.pruning.propagation import BlockCalls
from workflow_scripts.pruning.statistics import NumericFailure

logger = getLogger(__name__)


@dataclass(frozen=True)
class Diagnostics:
    """A row of `layers.parquet`; errors are NaN where nothing was calibrated.

    Attributes:
        sparsity: share of the weights that went.
        local_error: relative error of the output for equal inputs, dense against pruned weights.
        path_error: relative error of the output, the dense model's own against the pruned model's own.
        signal_to_noise: dB, from `local_error`.
        damping: share of the mean diagonal added to the Hessian.
        sample_tokens: number of tokens behind the errors.
    """

    sparsity: float
    local_error: float = math.nan
    path_error: float = math.nan
    signal_to_noise: float = math.nan
    damping: float = math.nan
    sample_tokens: int = 0


@dataclass(frozen=True)
class LinearResult:
    """A pruned linear of the model, on the CPU; `weight` is None when the kept weights did not change."""

    block: int
    module: str
    mask: torch.Tensor
    weight: torch.Tensor | None
    diagnostics: Diagnostics


@dataclass(frozen=True)
class Calibration:
    """Windows [windows, length] of token ids, their weights [windows], and how many go through at a time."""

    token_ids: torch.Tensor
    weights: torch.Tensor
    batch: int

    def batches(self) -> list[slice]:
        """The windows in slices of `batch`."""
        return [slice(start, start + self.batch) for start in range(0, len(self.token_ids), self.batch)]

    def sampled(self) -> int:
        """Number of windows, from the first on, in which errors are measured."""
        windows, length = self.token_ids.shape
        return min(windows, self.batch, max(1, SAMPLE_TOKENS // length))


@torch.no_grad()
def prune_without_calibration(model: PreTrainedModel, method: Method, pattern: Pattern) -> Iterator[LinearResult]:
    """Prune every linear in place by its weights alone."""
    for index, block in enumerate(_progress(find_blocks(model))):
        for module, linear in find_linears(block).items():
            [pruned] = method.prune([linear.weight], None, pattern)
            _replace(linear, pruned)
            yield LinearResult(index, module, pruned.mask, pruned.weight, Diagnostics(_sparsity(pruned)))


@torch.no_grad()
def prune_sequentially(
    model: PreTrainedModel, calibration: Calibration, method: Method, pattern: Pattern, device: str
) -> Iterator[LinearResult]:
    """Prune every linear of the model in place, one block on `device` at a time.

    Args:
        model: the dense model on the CPU; its weights are overwritten.

    Raises:
        NumericFailure: activations are not finite, or a Gram matrix cannot be factorised; names block and module.
        UnsupportedArchitecture: see `models.blocks` and `pruning.propagation`.
    """
    blocks = find_blocks(model)
    calls = BlockCalls(blocks)
    batches, sampled = calibration.batches(), calibration.sampled()
    dense = calls.embed(model, calibration.token_ids[:sampled], device)
    hidden = torch.cat([calls.embed(model, calibration.token_ids[batch], device) for batch in batches])
    for index, block in enumerate(_progress(blocks)):
        block.to(device)
        linears = find_linears(block)
        with output_samples(linears, sampled, sampled) as dense_outputs:
            dense = calls.run(index, dense)
        results = {}
        for shared in _collect(calls, index, linears, hidden, calibration, method.STATISTICS):
            results |= _prune_shared(shared, linears, method, pattern, index)
        outputs = {}
        # Nothing reads the output of the last block: the sample alone is wanted there.
        for batch in batches if index < len(blocks) - 1 else [slice(0, sampled)]:
            size = len(hidden[batch])
            with output_samples(linears, size, sampled) if batch.start == 0 else nullcontext(outputs) as outputs:
                hidden[batch] = calls.run(index, hidden[batch])
        block.to("cpu")
        for module in linears:
            pruned, error, tokens = results[module]
            path_error = relative_error(dense_outputs[module], outputs[module])
            diagnostics = Diagnostics(_sparsity(pruned), error, path_error, decibel(error), pruned.damping, tokens)
            weight = None if pruned.weight is None else pruned.weight.cpu()
            yield LinearResult(index, module, pruned.mask.cpu(), weight, diagnostics)


def _collect(
    calls: BlockCalls,
    index: int,
    linears: dict[str, nn.Linear],
    hidden: torch.Tensor,
    calibration: Calibration,
    kind: str,
) -> list[SharedInput]:
    """First pass over all windows, the block still dense."""
    listener = InputListener(linears, kind)
    for batch in calibration.batches():
        with listener.batch(calibration.weights[batch], calibration.sampled() if batch.start == 0 else 0):
            calls.run(index, hidden[batch])
    return listener.shared_inputs()


def _prune_shared(
    shared: SharedInput, linears: dict[str, nn.Linear], method: Method, pattern: Pattern, index: int
) -> dict[str, tuple[PrunedLinear, float, int]]:
    """Prune the linears of one shared input in place; module -> (outcome, local error, tokens it was measured on)."""
    where = f"block {index}, {', '.join(shared.modules)}"
    shared.statistics.check(where)
    weights = [linears[module].weight for module in shared.modules]
    try:
        outcomes = method.prune(weights, shared.statistics, pattern)
    except NumericFailure as error:
        raise NumericFailure(f"{where}: {error}") from error
    results = {}
    for module, pruned in zip(shared.modules, outcomes, strict=True):
        linear = linears[module]
        before = linear(shared.sample)
        _replace(linear, pruned)
        error = relative_error(before, linear(shared.sample))
        results[module] = (pruned, error, len(shared.sample))
        if pruned.damping > 0.01:
            logger.warning("%s %s: damping raised to %g of the mean diagonal", where, module, pruned.damping)
    return results


def _replace(linear: nn.Linear, pruned: PrunedLinear) -> None:
    if pruned.weight is not None:
        linear.weight.copy_(pruned.weight)
    linear.weight.masked_fill_(~pruned.mask, 0)


def _sparsity(pruned: PrunedLinear) -> float:
    return 1 - pruned.mask.sum().item() / pruned.mask.numel()


def _progress(blocks: nn.ModuleList) -> Iterator[nn.Module]:
    """The blocks, with a progress bar on a terminal and a line a block in the log."""
    for index, block in enumerate(tqdm(blocks, desc="blocks", unit="block", disable=None)):
        yield block
        logger.info("block %d of %d pruned", index + 1, len(blocks))
