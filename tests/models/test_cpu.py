"""The kernels of a CPU against torch's own, in models and alone."""

from collections import Counter
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.op_counter import ATTENTION
from tests.conftest import CONFIGS, tiny_model
from workflow_scripts.models import cpu
from workflow_scripts.models.cpu import (
    ONEDNN_LINEAR,
    ROWS,
    TILE,
    add_product,
    attention,
    causal_attention,
    compute_fast_on_cpu,
    linear,
)


class Executed(TorchDispatchMode):
    """Counts the operators that are executed inside."""

    def __enter__(self):
        self.counts = Counter()
        super().__enter__()
        return self.counts

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.counts[func._overloadpacket] += 1
        return func(*args, **(kwargs or {}))


def heads(windows=2, count=6, groups=3, length=10, width=8, value_width=8, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    shapes = [(count, width), (groups, width), (groups, value_width)]
    return [torch.randn(windows, number, length, size, generator=generator, dtype=dtype) for number, size in shapes]


def naive(query, key, value, scale, causal=True):
    """softmax(scale * query key^T) value in float64, [windows, length, heads, width]."""
    repeats = query.shape[1] // key.shape[1]
    key, value = (tensor.double().repeat_interleave(repeats, dim=1) for tensor in (key, value))
    scores = query.double() @ key.transpose(-1, -2) * scale
    if causal:
        scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -torch.inf)
    return (scores.softmax(dim=-1) @ value).transpose(1, 2)


@pytest.mark.parametrize(
    "length", [1, 2, ROWS - 1, ROWS, ROWS + 1, 2 * ROWS, 3 * ROWS - 5, TILE, TILE + 1, 2 * TILE + 7]
)
@pytest.mark.parametrize(("count", "groups"), [(4, 4), (6, 2), (5, 1)])
def test_causal_attention_equals_a_naive_one(length, count, groups):
    query, key, value = heads(count=count, groups=groups, length=length, value_width=12)
    outputs = causal_attention(query, key, value, 0.3)
    assert outputs.shape == (2, length, count, 12)
    torch.testing.assert_close(outputs.double(), naive(query, key, value, 0.3), atol=2e-6, rtol=2e-5)


def test_a_token_sees_nothing_that_comes_after_it():
    query, key, value = heads(length=TILE + 9)
    before = causal_attention(query, key, value, 1.0)
    key[:, :, TILE + 3 :] = torch.nan
    value[:, :, TILE + 3 :] = torch.nan
    torch.testing.assert_close(causal_attention(query, key, value, 1.0)[:, :TILE], before[:, :TILE], rtol=0, atol=0)


def test_scores_are_scaled_by_the_width_where_nothing_else_is_said():
    query, key, value = heads()
    outputs, scores = attention(nn.Module(), query, key, value, None)
    torch.testing.assert_close(outputs.double(), naive(query, key, value, 8**-0.5), atol=2e-6, rtol=2e-5)
    assert scores is None


def test_attention_with_a_mask_is_that_of_the_mask():
    query, key, value = heads(count=3)
    mask = torch.rand(2, 1, 10, 10) < 0.7
    mask |= torch.eye(10, dtype=torch.bool)
    outputs, _ = attention(nn.Module(), query, key, value, mask)
    expected = scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2)
    assert torch.equal(outputs, expected)


def test_attention_that_is_not_causal_sees_all():
    query, key, value = heads(count=3)
    outputs, _ = attention(nn.Module(), query, key, value, None, is_causal=False)
    torch.testing.assert_close(outputs.double(), naive(query, key, value, 8**-0.5, causal=False), atol=2e-6, rtol=2e-5)


def test_what_tiles_do_not_know_is_not_passed_over():
    query, key, value = heads(count=3)
    with pytest.raises(ValueError, match="softcap"):
        attention(nn.Module(), query, key, value, None, softcap=50.0)


@pytest.mark.parametrize("shape", [(5, 24), (2, 7, 24), (2, 3, 4, 24), (0, 24), (1, 1, 24)])
@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_equals_torchs_own(shape, bias):
    module, inputs = nn.Linear(24, 10, bias=bias).requires_grad_(False), torch.randn(shape)
    torch.testing.assert_close(linear(module, inputs), module(inputs), atol=1e-6, rtol=1e-5)


def test_a_linear_takes_inputs_and_weights_that_are_views():
    module, inputs = nn.Linear(24, 10).requires_grad_(False), torch.randn(24, 5, 3).permute(2, 1, 0)
    module.weight = nn.Parameter(torch.randn(24, 10).T, requires_grad=False)
    torch.testing.assert_close(linear(module, inputs), module(inputs), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes_are_torchs_own(dtype):
    module, inputs = nn.Linear(24, 10).to(dtype).requires_grad_(False), torch.randn(5, 24, dtype=dtype)
    assert torch.equal(linear(module, inputs), module(inputs))
    query, key, value = heads(count=3, dtype=dtype)
    fused = scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2)
    assert torch.equal(attention(nn.Module(), query, key, value, None)[0], fused)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("rows", "columns"), [(0, 5), (1, 5), (70, 33)])
def test_a_product_is_added_in_place_whatever_is_computed_at_a_time(rows, columns, dtype, monkeypatch):
    monkeypatch.setattr(cpu, "PRODUCT", 10 * columns)
    target, left, right = (
        torch.randn(shape, dtype=dtype) for shape in ((rows, columns), (12, rows + 3), (12, columns))
    )
    expected = target.double() - 2 * left[:, 3:].double().T @ right.double()
    add_product(target, left[:, 3:].T, right.T, alpha=-2)
    torch.testing.assert_close(target.double(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_model_computes_the_same_by_them(kind):
    model, tokens = tiny_model(kind, torch.float32), torch.arange(4, 44).reshape(2, 20)
    fast = deepcopy(model)
    compute_fast_on_cpu(fast)
    expected = model.double()(input_ids=tokens, use_cache=False).logits
    torch.testing.assert_close(fast(input_ids=tokens, use_cache=False).logits.double(), expected, atol=1e-3, rtol=1e-3)


def test_a_model_leaves_no_linear_and_no_attention_to_torchs_defaults():
    model = tiny_model("llama", torch.float32)
    compute_fast_on_cpu(model)
    with Executed() as operations:
        model(input_ids=torch.arange(4, 24)[None], use_cache=False)
    linears = sum(isinstance(module, nn.Linear) for module in model.modules())
    # Scores and what they mix, of every key head: the tokens are of one tile.
    attended = 2 * model.config.num_hidden_layers * model.config.num_key_value_heads
    assert operations[ONEDNN_LINEAR] == linears + attended
    assert not operations[ATTENTION] and not operations[torch.ops.aten.mm]
