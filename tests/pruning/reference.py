"""Naive implementations of the published algorithms: one window and one column at a time, full sorts, full passes."""

import math

import torch

from workflow_scripts.models.blocks import find_blocks, find_linears
from workflow_scripts.pruning.patterns import NofM


def lowest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """[..., n] scores -> True for the `count` first of a stable ascending sort."""
    drop = torch.zeros_like(scores, dtype=torch.bool)
    return drop.scatter_(-1, torch.sort(scores, stable=True).indices[..., :count], True)


def drop_by_row(scores, pattern):
    """Dropped weights, compared within each row, or within each group of M."""
    if not isinstance(pattern, NofM):
        return lowest(scores, int(pattern.ratio * scores.shape[1]))
    groups = scores.split(pattern.of, dim=1)
    return torch.cat([lowest(group, pattern.of - pattern.keep) for group in groups], dim=1)


def magnitude(weight, inputs, pattern):
    if isinstance(pattern, NofM):
        drop = drop_by_row(weight.abs(), pattern)
    else:
        drop = lowest(weight.abs().flatten(), int(pattern.ratio * weight.numel())).reshape(weight.shape)
    return ~drop, weight.masked_fill(drop, 0)


def wanda(weight, inputs, pattern):
    squared = torch.zeros_like(weight[0])
    for seen, window in enumerate(inputs):
        # The running mean over windows of the published code.
        squared = squared * (seen / (seen + 1)) + window.square().sum(0) / (seen + 1)
    drop = drop_by_row(weight.abs() * squared.sqrt(), pattern)
    return ~drop, weight.masked_fill(drop, 0)


def sparsegpt(weight, inputs, pattern, columns=128):
    weight = weight.clone()
    hessian = torch.zeros(weight.shape[1], weight.shape[1], dtype=weight.dtype)
    for seen, window in enumerate(inputs):
        hessian *= seen / (seen + 1)
        scaled = math.sqrt(2 / (seen + 1)) * window
        hessian += scaled.T @ scaled
    dead = hessian.diagonal() == 0
    hessian[dead, dead] = 1
    weight[:, dead] = 0
    hessian += 0.01 * hessian.diagonal().mean() * torch.eye(len(hessian), dtype=weight.dtype)
    upper = torch.linalg.cholesky(torch.linalg.inv(hessian), upper=True)
    dropped = torch.zeros_like(weight, dtype=torch.bool)
    for start in range(0, weight.shape[1], columns):
        end = min(start + columns, weight.shape[1])
        if not isinstance(pattern, NofM):
            scores = weight[:, start:end].square() / upper.diagonal()[start:end].square()
            threshold = scores.flatten().sort().values[int(scores.numel() * pattern.ratio)]
            dropped[:, start:end] = scores <= threshold
        for column in range(start, end):
            if isinstance(pattern, NofM) and (column - start) % pattern.of == 0:
                group = slice(column, column + pattern.of)
                scores = weight[:, group].square() / upper.diagonal()[group].square()
                dropped[:, group] = lowest(scores, pattern.of - pattern.keep)
            rows = dropped[:, column]
            errors = weight[rows, column] / upper[column, column]
            weight[rows, column:] -= errors[:, None] * upper[column, column:]
            weight[rows, column] = 0
    return ~dropped, weight


METHODS = {"magnitude": magnitude, "wanda": wanda, "sparsegpt": sparsegpt}


def prune(model, token_ids, method, pattern):
    """Prune `model` in place; (block, module) -> (mask, weight). Every statistic comes from whole forward passes."""
    outcome = {}
    for index, block in enumerate(find_blocks(model)):
        linears = find_linears(block)
        inputs = {name: [] for name in linears}
        handles = [
            # Of one window, whether the block keeps its tokens apart from those of others or not.
            linear.register_forward_pre_hook(lambda _, args, seen=inputs[name]: seen.append(args[0].flatten(0, -2)))
            for name, linear in linears.items()
        ]
        for window in token_ids if method != "magnitude" else ():
            # All but the head, of which no linear sees anything.
            model.base_model(input_ids=window[None], use_cache=False)
        for handle in handles:
            handle.remove()
        for name, linear in linears.items():
            mask, weight = METHODS[method](linear.weight.data, inputs[name], pattern)
            outcome[index, name] = mask, weight
        for name, linear in linears.items():
            linear.weight.data = outcome[index, name][1]
    return outcome
