"""Prune a model block by block with sequential propagation: a block sees the output of the already pruned blocks.

Per block: one pass over all windows with the block still dense collects the statistics of all its linears; they are all
pruned; a second pass with the pruned block writes the inputs of the next block, over those of this one. Only one block's
weights are in memory, and what a block leaves behind goes to disk before the next one comes.
"""

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from logging import getLogger

import torch
from torch import nn
from tqdm import tqdm

from workflow_scripts.models.blocks import find_linears, iterate_linears
from workflow_scripts.models.experts import ExpertLinear
from workflow_scripts.models.kept import gather_kept, zero_dropped
from workflow_scripts.models.streaming import StreamedModel
from workflow_scripts.pruning.diagnostics import decibel, relative_error
from workflow_scripts.pruning.hooks import SAMPLE_TOKENS, InputListener, Linears, OutputListener, Sample, SharedInput
from workflow_scripts.pruning.memory import allocate_hidden, estimate_needs, widest
from workflow_scripts.pruning.methods.loading import Method, PrunedLinear
from workflow_scripts.pruning.methods.magnitude import method as magnitude
from workflow_scripts.pruning.parallel import LARGE, at_a_time, side_by_side
from workflow_scripts.pruning.patterns import Pattern
from workflow_scripts.pruning.progress import Progress
from workflow_scripts.pruning.propagation import BlockCalls
from workflow_scripts.pruning.results import Diagnostics, LinearResult
from workflow_scripts.pruning.statistics import NumericFailure

logger = getLogger(__name__)

MAGNITUDE = "magnitude"


@dataclass(frozen=True)
class Calibration:
    """Windows [windows, length] of token ids, their weights [windows], and how many go through at a time.

    `one_weight` says that all windows of a batch must have one weight, as what reaches an expert has lost its windows;
    `alone` that batches go one by one, where they are large.
    """

    token_ids: torch.Tensor
    weights: torch.Tensor
    batch: int
    one_weight: bool = False
    alone: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of a batch."""
        return self.batch * self.token_ids.shape[1]

    def batches(self) -> list[slice]:
        """The windows in slices of `batch`, or shorter where the weight changes and must not."""
        ends, count = [], len(self.token_ids)
        if self.one_weight:
            ends = [place for place in range(1, count) if self.weights[place] != self.weights[place - 1]]
        return [
            slice(at, min(at + self.batch, end))
            for start, end in pairwise([0, *ends, count])
            for at in range(start, end, self.batch)
        ]

    def sample(self) -> Sample:
        """About SAMPLE_TOKENS tokens of the first batch: whole windows, or the start of the first."""
        length = self.token_ids.shape[1]
        first = self.batches()[0].stop
        return Sample(min(first, max(1, SAMPLE_TOKENS // length)), min(length, SAMPLE_TOKENS))


@dataclass(frozen=True)
class Setting:
    """How to prune: the method, the pattern, the device, and the memory to take in bytes, None for all there is."""

    method: Method
    pattern: Pattern
    device: str
    memory: int | None = None


@torch.no_grad()
def prune_without_calibration(model: StreamedModel, setting: Setting, progress: Progress) -> None:
    """Prune every linear by its weights alone, from `progress.next_block` on."""
    for index, block in _blocks(model, setting.device, progress):
        results = []
        for module, linear in find_linears(block).items():
            [pruned] = setting.method.prune([linear.weight], None, setting.pattern)
            results.append(
                _result(index, module, pruned, Diagnostics(_sparsity(pruned), criterion=setting.method.name))
            )
        progress.finish(index, results, {})


@torch.no_grad()
def prune_sequentially(model: StreamedModel, calibration: Calibration, setting: Setting, progress: Progress) -> None:
    """Prune every linear of the model, from `progress.next_block` on.

    Raises:
        NotEnoughMemory: one block, its statistics and a batch do not fit.
        NumericFailure: activations are not finite, or a Gram matrix cannot be factorised; names block and module.
        UnsupportedArchitecture: see `models.blocks` and `pruning.propagation`.
    """
    calls = BlockCalls(model.blocks, setting.device)
    experts = any(isinstance(linear, ExpertLinear) for _, _, linear in iterate_linears(model.model))
    large = calibration.tokens * max(map(widest, model.blocks)) > LARGE
    calibration = replace(calibration, one_weight=experts, alone=large)
    sample = calibration.sample()
    dense, hidden = _embed(model, calls, calibration, setting, progress)
    for index, block in _blocks(model, setting.device, progress):
        linears = find_linears(block)
        dense, dense_outputs = _run_and_sample(calls, index, linears, dense, sample)
        pruned = _prune_block(calls, index, linears, hidden, calibration, setting)
        outputs = _propagate(calls, index, linears, hidden, calibration, last=index == len(model.blocks) - 1)
        errors = {module: relative_error(dense_outputs[module], outputs[module]) for module in outputs}
        results = [_with_path_error(pruned[module], errors.get(module, math.nan)) for module in linears]
        progress.finish(index, results, {"hidden": hidden, "dense": dense})
        # Or the masks of this block would be there beside those of the next.
        del pruned, results, outputs, dense_outputs


def _embed(
    model: StreamedModel, calls: BlockCalls, calibration: Calibration, setting: Setting, progress: Progress
) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden states before the next block: the dense model's own of the sampled tokens, the pruned model's of all windows."""
    token_ids, sample = calibration.token_ids, calibration.sample()
    tokens = calibration.tokens * at_a_time(calls.device, calibration.alone)
    needs = estimate_needs(model, tokens, setting.method.statistics)
    with model.embedding(token_ids) as base:
        dense = calls.embed(base, token_ids[: sample.windows, : sample.length])
        shape = (*token_ids.shape, dense.shape[-1])
        hidden = allocate_hidden(shape, dense.dtype, needs, setting.device, setting.memory, progress.folder)
        # After a restart too, for the calls to the blocks are recorded here.
        for batch in calibration.batches():
            hidden[batch] = calls.embed(base, token_ids[batch])
    if progress.next_block and progress.next_block < len(model.blocks):
        states = progress.hidden_states()
        hidden.copy_(states["hidden"])
        dense = states["dense"]
    return dense, hidden


def _prune_block(
    calls: BlockCalls,
    index: int,
    linears: Linears,
    hidden: torch.Tensor,
    calibration: Calibration,
    setting: Setting,
) -> dict[str, LinearResult]:
    """First pass over all windows, the block still dense, then prune its linears in place."""
    listener = InputListener(linears, setting.method.statistics)

    def listen(numbered: tuple[int, slice]) -> None:
        number, batch = numbered
        with listener.batch(number, calibration.weights[batch], None if number else calibration.sample()):
            calls.run(index, hidden[batch])

    with listener.listening():
        batches = list(enumerate(calibration.batches()))
        # Experts are heard by a mode of torch that is one thread's.
        alone = calibration.one_weight or calibration.alone
        side_by_side(listen, batches, calls.device, listener.turns, alone)
    results = _prune_unreached(listener.unreached(), linears, setting, index)
    shared_inputs = listener.shared_inputs(len(hidden))
    while shared_inputs:
        # One by one, so that the statistics of the pruned are gone before the next are solved.
        results |= _prune_shared(shared_inputs.pop(0), linears, setting, index)
    return results


def _propagate(
    calls: BlockCalls,
    index: int,
    linears: Linears,
    hidden: torch.Tensor,
    calibration: Calibration,
    last: bool,
) -> dict[str, torch.Tensor]:
    """Second pass: the hidden states become those after the pruned block. Returns a sample of the linears' outputs."""
    sample = calibration.sample()
    if last:
        # Nothing reads the output of the last block: the sample alone is wanted there.
        return _run_and_sample(calls, index, linears, hidden[: sample.windows, : sample.length], sample)[1]
    listener = OutputListener(linears, sample)

    def propagate(numbered: tuple[int, slice]) -> None:
        number, batch = numbered
        with nullcontext() if number else listener.batch(batch.stop):
            hidden[batch] = calls.run(index, hidden[batch])

    with listener.listening():
        side_by_side(propagate, list(enumerate(calibration.batches())), calls.device, alone=calibration.alone)
    return listener.samples


def _run_and_sample(
    calls: BlockCalls, index: int, linears: Linears, hidden: torch.Tensor, sample: Sample
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The output of a block for the sampled tokens alone, and the outputs of its linears."""
    listener = OutputListener(linears, sample)
    with listener.listening(), listener.batch(len(hidden)):
        return calls.run(index, hidden), listener.samples


def _prune_shared(shared: SharedInput, linears: Linears, setting: Setting, index: int) -> dict[str, LinearResult]:
    """Prune the linears of one shared input in place; module -> outcome, its path error still to come."""
    where = f"block {index}, {', '.join(shared.modules)}"
    shared.statistics.check(where)
    before = {module: linears[module](shared.sample) for module in shared.modules}
    weights = [linears[module].weight for module in shared.modules]
    # Before the method takes the statistics apart.
    norms = shared.statistics.norms()
    try:
        outcomes = setting.method.prune(weights, shared.statistics, setting.pattern)
    except NumericFailure as error:
        raise NumericFailure(f"{where}: {error}") from error
    results = {}
    for module, pruned in zip(shared.modules, outcomes, strict=True):
        linear = linears[module]
        _replace(linear, pruned)
        error = relative_error(before[module], linear(shared.sample))
        diagnostics = Diagnostics(
            _sparsity(pruned),
            error,
            signal_to_noise=decibel(error),
            damping=pruned.damping,
            sample_tokens=len(shared.sample),
            criterion=setting.method.name,
        )
        results[module] = replace(_result(index, module, pruned, diagnostics), input_norms=norms)
        if pruned.warning:
            logger.warning("block %d, %s: %s", index, module, pruned.warning)
    return results


def _prune_unreached(modules: list[str], linears: Linears, setting: Setting, index: int) -> dict[str, LinearResult]:
    """Prune by magnitude, in place, the linears of experts that no token was sent to: they have no statistics."""
    results = {}
    for module in modules:
        linear = linears[module]
        [pruned] = magnitude.prune([linear.weight], None, setting.pattern)
        _replace(linear, pruned)
        if setting.method.changes_weights:
            # Unchanged as they are, they are stored like those of the other linears.
            pruned = replace(pruned, weight=linear.weight)
        results[module] = _result(index, module, pruned, Diagnostics(_sparsity(pruned), criterion=MAGNITUDE))
    if modules:
        experts = ", ".join(dict.fromkeys(module.rpartition(".")[0] for module in modules))
        logger.warning("block %d: no token of the calibration reaches %s: pruned by magnitude", index, experts)
    return results


def _replace(linear: nn.Linear | ExpertLinear, pruned: PrunedLinear) -> None:
    if pruned.weight is None:
        zero_dropped(linear.weight, pruned.mask)
    else:
        linear.weight.copy_(pruned.weight)


def _result(index: int, module: str, pruned: PrunedLinear, diagnostics: Diagnostics) -> LinearResult:
    kept = None if pruned.weight is None else gather_kept(pruned.mask, pruned.weight).cpu()
    return LinearResult(index, module, pruned.mask.cpu(), kept, diagnostics)


def _with_path_error(result: LinearResult, error: float) -> LinearResult:
    return replace(result, diagnostics=replace(result.diagnostics, path_error=error))


def _sparsity(pruned: PrunedLinear) -> float:
    # A sum would make eight bytes of every one.
    return 1 - torch.count_nonzero(pruned.mask).item() / pruned.mask.numel()


def _blocks(model: StreamedModel, device: str, progress: Progress) -> Iterator[tuple[int, nn.Module]]:
    """The blocks that are left, with a progress bar on a terminal and a line a block in the log."""
    blocks, start = len(model.blocks), progress.next_block
    left = model.stream(device, start)
    for index, block in tqdm(left, desc="blocks", unit="block", initial=start, total=blocks, disable=None):
        yield index, block
        logger.info("block %d of %d pruned", index + 1, blocks)
