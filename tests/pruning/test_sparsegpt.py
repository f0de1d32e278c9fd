"""SparseGPT's factor and column loop against plain double-precision references."""

import importlib.util
import os
import subprocess
import sys

import pytest
import torch

from tests.pruning import reference
from workflow_scripts.pruning import cholesky, columns
from workflow_scripts.pruning.cholesky import invert_factor, mirror_upper
from workflow_scripts.pruning.columns import prune_columns
from workflow_scripts.pruning.methods.loading import get_method
from workflow_scripts.pruning.methods.sparsegpt import method as sparsegpt
from workflow_scripts.pruning.patterns import parse_pattern
from workflow_scripts.pruning.sparsegpt import factorise
from workflow_scripts.pruning.statistics import Statistics

SIZES = [1, 3, 127, 129, 300, 600]


def gram_of(features: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(features)
    inputs = torch.randn(features * 2 + 5, features, generator=generator, dtype=dtype)
    return (inputs + inputs[:, :1]).T @ (inputs + inputs[:, :1])


def damped(gram: torch.Tensor, windows: int, damping: float) -> torch.Tensor:
    hessian = gram * (2 / windows)
    return hessian + torch.eye(len(gram), dtype=gram.dtype) * damping * hessian.diagonal().mean()


@pytest.mark.parametrize("features", SIZES)
def test_the_factor_is_the_upper_cholesky_factor_of_the_inverse(features):
    gram = gram_of(features)
    expected = torch.linalg.cholesky(torch.linalg.inv(damped(gram, 3, 0.01)), upper=True)
    upper, dead, damping = factorise(gram, 3)
    torch.testing.assert_close(upper, expected, rtol=1e-9, atol=1e-9 * expected.abs().max().item())
    assert damping == 0.01 and not dead.any()
    assert upper.data_ptr() == gram.data_ptr()


def test_only_the_upper_triangle_is_read():
    gram = gram_of(300)
    expected = factorise(gram.clone(), 3)[0]
    assert torch.equal(factorise(gram.triu(), 3)[0], expected)


def test_float32_is_as_near_to_double_precision_as_the_textbook_way():
    gram = gram_of(600)
    exact = factorise(gram.clone(), 3)[0]
    hessian = damped(gram.float(), 3, 0.01)
    textbook = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(hessian)), upper=True)
    ours = factorise(gram.float(), 3)[0]
    assert (ours - exact).abs().max() < 2 * (textbook - exact).abs().max()


@pytest.mark.parametrize("features", SIZES)
def test_a_failed_attempt_leaves_what_the_next_one_needs(features):
    matrix = gram_of(features)
    matrix.diagonal()[features // 2] = -1.0
    mirror_upper(matrix)
    before, diagonal = matrix.clone(), matrix.diagonal().clone()
    assert not invert_factor(matrix)
    mirror_upper(matrix.T)
    matrix.diagonal().copy_(diagonal)
    assert torch.equal(matrix, before)


@pytest.mark.parametrize("features", [40, 300, 600])
def test_damping_is_raised_until_the_matrix_can_be_factorised(features):
    gram = gram_of(features)
    lowest = torch.linalg.eigvalsh(gram)[0]
    # Indefinite by 5 % of the mean diagonal: 0.01 does not suffice, 0.1 does.
    gram.diagonal().sub_(lowest + 0.05 * gram.diagonal().mean())
    upper, _, damping = factorise(gram.clone(), 2)
    assert damping == 0.1
    expected = torch.linalg.cholesky(torch.linalg.inv(damped(gram, 2, 0.1)), upper=True)
    torch.testing.assert_close(upper, expected, rtol=1e-9, atol=1e-9 * expected.abs().max().item())


@pytest.mark.parametrize("pattern", ["0.5", "0.3", "2:4", "4:8", "16:32", "64:128"])
@pytest.mark.parametrize("features", [128, 256, 384])
def test_masks_equal_the_naive_reference(pattern, features):
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(3, features, features, generator=generator, dtype=torch.float64)
    weights = [torch.randn(rows, features, generator=generator, dtype=torch.float64) for rows in (5, 1, 18)]
    statistics = Statistics("gram", features, torch.float64, torch.device("cpu"))
    statistics.update(inputs, torch.ones(3))
    outcomes = get_method("sparsegpt").prune(weights, statistics, parse_pattern(pattern))
    for weight, outcome in zip(weights, outcomes, strict=True):
        mask, expected = reference.sparsegpt(weight, inputs, parse_pattern(pattern))
        assert torch.equal(outcome.mask, mask)
        torch.testing.assert_close(outcome.weight, expected, rtol=0, atol=1e-9)
        assert outcome.weight.is_contiguous() and outcome.mask.is_contiguous()


@pytest.mark.parametrize("pattern", ["0.5", "2:4"])
def test_stacked_or_not_the_result_is_the_same(pattern, monkeypatch):
    weights = [torch.randn(rows, 256, dtype=torch.float64) for rows in (6, 7, 8)]
    stacked = sparsegpt.prune(weights, statistics_of(gram_of(256)), parse_pattern(pattern))
    monkeypatch.setattr(sparsegpt, "STACKED_ROWS", 13)
    for one, other in zip(
        sparsegpt.prune(weights, statistics_of(gram_of(256)), parse_pattern(pattern)), stacked, strict=True
    ):
        assert torch.equal(one.mask, other.mask)
        torch.testing.assert_close(one.weight, other.weight, rtol=0, atol=1e-12)


def statistics_of(gram: torch.Tensor) -> Statistics:
    statistics = Statistics("gram", len(gram), gram.dtype, gram.device)
    statistics.total, statistics.windows = gram, 3
    return statistics


def test_bfloat16_weights_come_back_in_bfloat16():
    weight = torch.randn(9, 64).bfloat16()
    [outcome] = sparsegpt.prune([weight], statistics_of(gram_of(64, torch.float32)), parse_pattern("2:4"))
    assert outcome.weight.dtype == torch.bfloat16
    assert not outcome.weight[~outcome.mask].any()
    assert (outcome.mask.reshape(9, -1, 4).sum(2) == 2).all()


def test_panels_do_not_matter(monkeypatch):
    expected = factorise(gram_of(300), 3)[0]
    for panel in (7, 64, 1000):
        monkeypatch.setattr(cholesky, "panel_of", lambda size, panel=panel: panel)
        torch.testing.assert_close(factorise(gram_of(300), 3)[0], expected, rtol=1e-9, atol=1e-12)


def test_the_fused_kernel_is_for_cuda_alone():
    columns.fused_kernel.cache_clear()
    assert columns.fused_kernel("cpu") is None


TRITON = importlib.util.find_spec("triton") is not None


@pytest.mark.skipif(
    not TRITON, reason="triton is not installed (it is not in our lock): the fused kernel is not tested"
)
def test_the_fused_kernel_equals_the_loop_in_tritons_interpreter():
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    found = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr


def compare_kernel_and_loop() -> None:
    """Both on the CPU, float64: equal masks, weights and errors to rounding; rows and columns that fill no tile."""
    from workflow_scripts.pruning import triton_columns

    for features, rows in ((128, 33), (300, 40), (44, 1)):
        for pattern in map(parse_pattern, ("0.5", "2:4") if features % 4 == 0 else ("0.5",)):
            upper = factorise(gram_of(features), 3)[0]
            weight = torch.randn(features, rows, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
            # Rows without weights: nothing but ties.
            weight[:, ::5] = 0
            expected, found = weight.clone(), weight.clone()
            mask = prune_columns(expected, upper, pattern, [rows])
            columns.fused_kernel = lambda device: triton_columns
            assert torch.equal(prune_columns(found, upper, pattern, [rows]), mask), (features, rows, pattern)
            columns.fused_kernel = lambda device: None
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


if __name__ == "__main__":
    compare_kernel_and_loop()
