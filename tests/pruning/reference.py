"""Naive implementations of the published algorithms: one window at a time, plain loops, full sorts, full passes."""

import math

import torch

from workflow_scripts.models.blocks import find_blocks, find_linears
from workflow_scripts.pruning.patterns import NofM


def lowest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """[n] scores -> True for the `count` first of a stable ascending sort."""
    drop = torch.zeros_like(scores, dtype=torch.bool)
    drop[torch.sort(scores, stable=True).indices[:count]] = True
    return drop


def drop_by_row(scores, pattern):
    """Dropped weights, compared within each row, or within each group of M."""
    drop = torch.zeros_like(scores, dtype=torch.bool)
    for row in range(len(scores)):
        if isinstance(pattern, NofM):
            for at in range(0, scores.shape[1], pattern.of):
                drop[row, at : at + pattern.of] = lowest(scores[row, at : at + pattern.of], pattern.of - pattern.keep)
        else:
            drop[row] = lowest(scores[row], int(pattern.ratio * scores.shape[1]))
    return drop


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
                dropped[:, group] = torch.stack([lowest(row, pattern.of - pattern.keep) for row in scores])
            for row in range(len(weight)):
                if dropped[row, column]:
                    error = weight[row, column] / upper[column, column]
                    weight[row, column:] -= error * upper[column, column:]
                    weight[row, column] = 0
    return ~dropped, weight


METHODS = {"magnitude": magnitude, "wanda": wanda, "sparsegpt": sparsegpt}


def prune(model, token_ids, method, pattern):
    """Prune `model` in place; (block, module) -> (mask, weight). Every statistic comes from whole forward passes."""
    outcome = {}
    for index, block in enumerate(find_blocks(model)):
        linears = find_linears(block)
        inputs = {name: [] for name in linears}
        handles = [
            linear.register_forward_pre_hook(lambda _, args, seen=inputs[name]: seen.append(args[0][0]))
            for name, linear in linears.items()
        ]
        for window in token_ids:
            model(input_ids=window[None], use_cache=False)
        for handle in handles:
            handle.remove()
        for name, linear in linears.items():
            mask, weight = METHODS[method](linear.weight.data, inputs[name], pattern)
            outcome[index, name] = mask, weight
        for name, linear in linears.items():
            linear.weight.data = outcome[index, name][1]
    return outcome
