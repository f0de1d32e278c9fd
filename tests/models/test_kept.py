"""Weights and their masks, against torch's own boolean indices."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.models import kept
from workflow_scripts.models.kept import gather_kept, scatter_kept, zero_dropped

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn)


def draw(rows: int, columns: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(rows * 100 + columns)
    weight = torch.randn(rows, columns, generator=generator).to(dtype)
    return weight, torch.rand(rows, columns, generator=generator) > 0.5


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_dropped_becomes_zero_and_the_rest_keeps_every_bit(dtype):
    weight, keep = draw(5, 7, torch.float32)
    weight[0] = torch.tensor([torch.inf, -torch.inf, torch.nan, -torch.nan, -0.0, 1e-40, -3.5])
    weight = weight.to(dtype)
    keep[0], weight[1], keep[1] = True, weight[0], False
    expected = torch.where(keep, weight.view(kept.BITS[dtype.itemsize]), 0)
    zero_dropped(weight, keep)
    assert torch.equal(weight.view(kept.BITS[dtype.itemsize]), expected)
    assert weight[1].float().tolist() == [0] * 7


def test_a_view_is_zeroed_in_place():
    weight, keep = draw(6, 8, torch.float32)
    original = weight.clone()
    zero_dropped(weight[2:4, 1:5], keep[2:4, 1:5])
    original[2:4, 1:5][~keep[2:4, 1:5]] = 0
    assert torch.equal(weight, original)
    zero_dropped(weight.T, keep.T)
    assert torch.equal(weight, original * keep)


@given(st.integers(0, 9), st.integers(1, 9), st.integers(1, 20), st.sampled_from(DTYPES[:4]))
def test_what_is_kept_is_picked_and_put_back_as_by_a_boolean_index(rows, columns, picked, dtype):
    weight, keep = draw(rows, columns, dtype)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "PICKED", picked)
        values = gather_kept(keep, weight)
        assert torch.equal(values, weight[keep])
        assert torch.equal(scatter_kept(keep, values), torch.where(keep, weight, 0))


def test_a_kept_weight_may_be_zero():
    mask = torch.tensor([[True, False], [True, True]])
    weight = torch.tensor([[0.0, 5.0], [2.0, 0.0]])
    values = gather_kept(mask, weight)
    assert values.tolist() == [0, 2, 0]
    assert scatter_kept(mask, values).tolist() == [[0, 0], [2, 0]]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_values_that_do_not_fit_the_mask_are_refused(count):
    with pytest.raises(ValueError, match=f"{count} values for a mask that keeps 2"):
        scatter_kept(torch.tensor([[True, False, True]]), torch.zeros(count))
