"""How much faster the pruning kernels are than a plain way to compute the same, on shapes of real models.

Run `python -m benchmarks.kernels [--threads 1] [--repeats 3] [--large]`. Old and new run in turn, so that other work on
the machine touches both; each ratio is of the shortest times. The plain ways: a full product for the Gram matrix;
Cholesky, inverse and Cholesky again; a loop over the columns of an untransposed matrix; a full sort; torch's default linear
and its fused attention; its boolean fill and index.
"""

import time
from collections.abc import Callable

import torch
from cyclopts import App
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from workflow_scripts.models.cpu import causal_attention, linear
from workflow_scripts.models.kept import gather_kept, scatter_kept, zero_dropped
from workflow_scripts.pruning.columns import prune_columns
from workflow_scripts.pruning.criteria import mask_by_matrix, wanda_mask
from workflow_scripts.pruning.patterns import COLUMNS, NofM, Pattern, Unstructured
from workflow_scripts.pruning.sparsegpt import factorise
from workflow_scripts.pruning.statistics import accumulate_gram, accumulate_squared_norms

app = App(help=__doc__)

GRAMS = [(640, 512), (640, 4096), (1024, 2048), (2048, 512), (2048, 4096)]
LARGE_GRAMS = [(8192, 512), (8192, 2048)]
FACTORS = [640, 1024, 2048, 4096]
LINEARS = [(640, 1536), (640, 4096), (1024, 640), (2048, 640)]
LARGE_LINEARS = [(2048, 8192), (8192, 2048)]
PRODUCTS = [(512, 640, 2048), (512, 2048, 640), (512, 2048, 5632)]
"""Tokens, inputs and outputs of a linear."""
ATTENTIONS = [(4, 1, 512, 256), (12, 12, 512, 64), (32, 8, 512, 128), (16, 8, 2048, 128)]
"""Heads, key heads, tokens and width."""
HALF, TWO_OF_FOUR = Unstructured(0.5), NofM(2, 4)


def race(name: str, repeats: int, old: Callable[[], object], new: Callable[[], object]) -> None:
    """Print the shortest times of both and their ratio."""
    seconds: dict[Callable, list[float]] = {old: [], new: []}
    for _ in range(repeats):
        for run, times in seconds.items():
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    before, after = (min(times) * 1e3 for times in seconds.values())
    print(f"{name:<48}{before:>12.2f} ms{after:>12.2f} ms{before / after:>8.2f}x", flush=True)


def plain_factor(hessian: torch.Tensor) -> torch.Tensor:
    """U by two factorisations and an inverse."""
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    return torch.linalg.cholesky(inverse, upper=True)


def plain_columns(weight: torch.Tensor, upper: torch.Tensor, pattern: Pattern) -> torch.Tensor:
    """The published loop over [rows, in_features], all of one linear; returns the keep mask."""
    drop = torch.zeros_like(weight, dtype=torch.bool)
    for start in range(0, weight.shape[1], COLUMNS):
        end = min(start + COLUMNS, weight.shape[1])
        block, factor = weight[:, start:end], upper[start:end, start:end]
        scale = factor.diagonal().square()
        errors = torch.zeros_like(block)
        if not isinstance(pattern, NofM):
            saliency = block.square() / scale
            threshold = saliency.flatten().sort().values[int(saliency.numel() * pattern.ratio)]
            drop[:, start:end] = saliency <= threshold
        for column in range(end - start):
            if isinstance(pattern, NofM) and column % pattern.of == 0:
                group = slice(column, column + pattern.of)
                saliency = block[:, group].square() / scale[group]
                lowest = saliency.topk(pattern.of - pattern.keep, dim=1, largest=False).indices
                drop[:, start:end].scatter_(1, lowest + column, True)
            kept = block[:, column].masked_fill(drop[:, start + column], 0)
            errors[:, column] = (block[:, column] - kept) / factor[column, column]
            block[:, column:] -= errors[:, column, None] * factor[column, column:]
            block[:, column] = kept
        weight[:, end:] -= errors @ upper[start:end, end:]
    return ~drop


def plain_row_mask(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Keep mask by a full stable sort of each row."""
    lowest = scores.sort(dim=1, stable=True).indices[:, :count]
    return torch.ones_like(scores, dtype=torch.bool).scatter_(1, lowest, False)


def correlated_gram(features: int) -> torch.Tensor:
    """A Gram matrix of correlated inputs of uneven scale, as a model's are; well conditioned for the plain way."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(features * 3 // 2, features, generator=generator) * torch.logspace(-1, 1, features)
    inputs += torch.randn(len(inputs), 1, generator=generator)
    return inputs.T @ inputs


def race_passes(repeats: int) -> None:
    """What a pass through a block consists of, by torch's defaults and as the engine computes it."""
    for tokens, features, rows in PRODUCTS:
        module, inputs = nn.Linear(features, rows, bias=False).requires_grad_(False), torch.randn(1, tokens, features)
        name = f"linear: {tokens} tokens, {rows} x {features}"
        race(name, repeats, lambda m=module, x=inputs: m(x), lambda m=module, x=inputs: linear(m, x))
    for heads, key_heads, tokens, width in ATTENTIONS:
        query, (key, value) = torch.randn(1, heads, tokens, width), torch.randn(2, 1, key_heads, tokens, width)
        grouped = heads != key_heads
        race(
            f"attention: {tokens} tokens, {heads}/{key_heads} heads of {width}",
            repeats,
            lambda a=(query, key, value), g=grouped: scaled_dot_product_attention(*a, is_causal=True, enable_gqa=g),
            lambda a=(query, key, value), w=width: causal_attention(*a, w**-0.5),
        )


def race_kept(rows: int, features: int, repeats: int) -> None:
    """What is done to a weight with its mask, by torch's boolean fill and index and as the engine does it."""
    weight, keep = torch.randn(rows, features), torch.rand(rows, features) > 0.5
    empty, values = torch.zeros_like(weight), weight[keep]
    shape = f"{rows} x {features}"
    race(f"zero: {shape}", repeats, lambda: weight.masked_fill_(~keep, 0), lambda: zero_dropped(weight, keep))
    race(f"pick: {shape}", repeats, lambda: weight[keep], lambda: gather_kept(keep, weight))
    race(f"put back: {shape}", repeats, lambda: empty.masked_scatter_(keep, values), lambda: scatter_kept(keep, values))


@app.default
def main(threads: int = 1, repeats: int = 3, large: bool = False) -> None:
    """Print old, new and ratio of every kernel.

    Parameters
    ----------
    threads: threads of torch.
    repeats: runs of each, of which the shortest counts.
    large: shapes of a 1B model too, which take minutes.
    """
    torch.set_num_threads(threads)
    print(f"{'float32, ' + str(threads) + ' thread(s)':<48}{'old':>15}{'new':>15}{'ratio':>9}")
    race_passes(repeats)
    for features, tokens in GRAMS + LARGE_GRAMS * large:
        inputs, total, one = torch.randn(4, tokens // 4, features), torch.zeros(features, features), torch.ones(4)
        norms, rows = torch.zeros(features), inputs.flatten(0, 1)
        shape = f"{tokens} tokens, {features} inputs"
        plain_gram = lambda total=total, rows=rows: total.addmm_(rows.T, rows)  # noqa: E731
        race(f"Gram: {shape}", repeats, plain_gram, lambda a=(total, inputs, one): accumulate_gram(*a))
        plain_norms = lambda norms=norms, x=inputs: norms.add_(x.square().sum(dim=1).sum(dim=0))  # noqa: E731
        race(f"norms: {shape}", repeats, plain_norms, lambda a=(norms, inputs, one): accumulate_squared_norms(*a))
    for features in FACTORS + [8192] * large:
        gram = correlated_gram(features)
        damped = gram.clone()
        damped.diagonal().add_(0.01 * gram.diagonal().mean())
        race(
            f"factor: {features} inputs",
            repeats,
            lambda h=damped: plain_factor(h.clone()),
            lambda g=gram: factorise(g.clone(), 2),
        )
    for features, rows in LINEARS + LARGE_LINEARS * large:
        race_kept(rows, features, repeats)
        upper, weight = factorise(correlated_gram(features), 2)[0], torch.randn(rows, features)
        for pattern in (HALF, TWO_OF_FOUR):
            race(
                f"columns {pattern.ratio if isinstance(pattern, Unstructured) else '2:4'}: {rows} x {features}",
                repeats,
                lambda w=weight, u=upper, p=pattern: plain_columns(w.clone(), u, p),
                lambda w=weight, u=upper, p=pattern: prune_columns(w.T.contiguous(), u, p, [w.shape[0]]),
            )
        norms = torch.rand(features)
        race(
            f"Wanda 0.5: {rows} x {features}",
            repeats,
            lambda w=weight, n=norms: plain_row_mask(w.abs() * n.sqrt(), w.shape[1] // 2),
            lambda w=weight, n=norms: wanda_mask(w, n, HALF),
        )
        race(
            f"Wanda 2:4: {rows} x {features}",
            repeats,
            lambda w=weight, n=norms: plain_row_mask((w.abs() * n.sqrt()).reshape(-1, 4), 2).reshape(w.shape),
            lambda w=weight, n=norms: wanda_mask(w, n, TWO_OF_FOUR),
        )
        race(
            f"magnitude 0.5: {rows} x {features}",
            repeats,
            lambda w=weight: plain_row_mask(w.abs().reshape(1, -1), w.numel() // 2).reshape(w.shape),
            lambda w=weight: mask_by_matrix(w.abs(), HALF),
        )


if __name__ == "__main__":
    app()
