"""Gram matrices and squared norms against plain sums, window by window."""

import pytest
import torch

from workflow_scripts.pruning import statistics
from workflow_scripts.pruning.statistics import Statistics, stripe_of

CPU = torch.device("cpu")


def plain_gram(inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return sum(weight * window.T @ window for window, weight in zip(inputs.double(), weights.double(), strict=True))


def collected(kind: str, inputs: torch.Tensor, weights: torch.Tensor, batch: int = 2) -> torch.Tensor:
    found = Statistics(kind, inputs.shape[-1], inputs.dtype, CPU)
    for start in range(0, len(inputs), batch):
        found.update(inputs[start : start + batch], weights[start : start + batch])
    assert found.windows == len(inputs)
    return found.total


@pytest.mark.parametrize("features", [1, 3, 127, 129, 300, 600])
@pytest.mark.parametrize("weights", [[1, 1, 1, 1, 1], [3, 0.1, 0.1, 0, 1], [0, 0, 0, 0, 0]])
def test_sums_are_exact_in_double_precision(features, weights):
    inputs = torch.randn(5, 11, features, dtype=torch.float64)
    weights = torch.tensor(weights, dtype=torch.float64)
    expected = plain_gram(inputs, weights)
    gram = collected("gram", inputs, weights)
    torch.testing.assert_close(gram.triu(), expected.triu(), rtol=1e-12, atol=1e-12)
    norms = collected("squared_norms", inputs, weights)
    torch.testing.assert_close(norms, expected.diagonal(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["gram", "squared_norms"])
def test_norms_are_those_of_all_tokens_whatever_was_collected(kind):
    inputs, weights = torch.randn(3, 7, 300), torch.tensor([1.0, 0.5, 0.0], dtype=torch.float64)
    found = statistics.Statistics(kind, 300, inputs.dtype, inputs.device)
    found.update(inputs, weights)
    expected = (inputs.double().square() * weights[:, None, None]).sum(dim=(0, 1)).sqrt()
    assert found.norms().dtype == torch.float32
    torch.testing.assert_close(found.norms(), expected.float(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_triangle_is_computed_in_stripes(dtype):
    inputs = torch.randn(2, 9, 600, dtype=dtype)
    gram = collected("gram", inputs, torch.ones(2))
    stripe = stripe_of(gram)
    assert stripe == 256 and not gram[stripe:, :stripe].any()
    expected = plain_gram(inputs, torch.ones(2)).triu()
    torch.testing.assert_close(gram.triu().double(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("kind", ["gram", "squared_norms"])
def test_narrow_inputs_are_summed_in_float32(dtype, kind, monkeypatch):
    # Chunks of three tokens: casts and squares must not depend on them.
    monkeypatch.setattr(statistics, "CAST", 3 * 40)
    monkeypatch.setattr(statistics, "CACHED", 3 * 40 * 2)
    monkeypatch.setattr(statistics, "TOKENS", 3)
    monkeypatch.setattr(statistics, "TRANSPOSED", 3 * 40)
    inputs, weights = torch.randn(4, 50, 40).to(dtype), torch.ones(4)
    total = collected(kind, inputs, weights)
    assert total.dtype == torch.float32
    expected = plain_gram(inputs, weights)
    expected = expected if kind == "gram" else expected.diagonal()
    torch.testing.assert_close(
        total.triu() if kind == "gram" else total,
        expected.triu().float() if kind == "gram" else expected.float(),
        rtol=1e-5,
        atol=1e-4,
    )


def test_windows_of_weight_zero_do_not_count_in_the_sum():
    inputs = torch.randn(3, 5, 8)
    inputs[1] = torch.inf
    total = collected("gram", inputs, torch.tensor([1.0, 0, 1]), batch=3)
    expected = plain_gram(inputs[[0, 2]], torch.ones(2)).float()
    torch.testing.assert_close(total.triu(), expected.triu())


def test_weights_may_be_of_another_type_than_the_inputs():
    inputs = torch.randn(2, 5, 8)
    for kind in ("gram", "squared_norms"):
        expected = collected(kind, inputs, torch.tensor([2.0, 0.5]))
        assert torch.equal(collected(kind, inputs, torch.tensor([2.0, 0.5], dtype=torch.float64)), expected)
