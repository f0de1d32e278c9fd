"""Patterns and the selection of the smallest scores."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workflow_scripts.pruning import selection
from workflow_scripts.pruning.criteria import mask_by_matrix, mask_by_row, wanda_mask, wanda_scores
from workflow_scripts.pruning.patterns import NofM, Unstructured, parse_pattern, spell_pattern
from workflow_scripts.pruning.selection import (
    kth_smallest,
    lowest_ranks,
    smallest_of_groups,
    smallest_of_matrix,
    smallest_per_row,
)

# Few distinct values, so that ties are the rule.
SCORES = st.tuples(st.integers(1, 5), st.integers(1, 24), st.integers(0, 2**30)).map(
    lambda t: torch.randint(0, 4, t[:2], generator=torch.Generator().manual_seed(t[2])).double()
)


@given(SCORES, st.floats(0, 1))
def test_smallest_per_row_equals_a_stable_sort(scores, share):
    count = int(share * scores.shape[1])
    expected = torch.zeros_like(scores, dtype=torch.bool)
    expected.scatter_(1, scores.sort(dim=1, stable=True).indices[:, :count], True)
    assert torch.equal(smallest_per_row(scores, count), expected)


@given(SCORES, st.floats(0, 1), st.integers(1, 40))
def test_smallest_of_matrix_equals_a_stable_sort_of_all(scores, share, chunk):
    count = int(share * scores.numel())
    expected = torch.zeros(scores.numel(), dtype=torch.bool)
    expected[scores.flatten().sort(stable=True).indices[:count]] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(selection, "CHUNK_SCORES", chunk)
        assert torch.equal(smallest_of_matrix(scores, count), expected.reshape(scores.shape))


@given(SCORES, st.floats(0, 1))
def test_lowest_ranks_equal_a_stable_sort(scores, share):
    count = int(share * scores.shape[1])
    assert torch.equal(lowest_ranks(scores.T.contiguous(), count).T, smallest_per_row(scores, count))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_kth_smallest_keeps_the_scores_and_their_type(dtype):
    scores = torch.randn(3, 50).to(dtype)
    before = scores.clone()
    for count in (1, 25, 50):
        expected = scores.kthvalue(count, dim=1, keepdim=True).values
        found = kth_smallest(scores, count)
        assert found.dtype == dtype and torch.equal(found, expected)
    assert torch.equal(scores, before)


@pytest.mark.parametrize("pattern", ["0.5", "0.3", "2:4", "8:16"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_wanda_in_chunks_of_rows_equals_wanda_at_once(pattern, dtype, monkeypatch):
    weight, norms = torch.randn(23, 64).to(dtype), torch.rand(64)
    expected = mask_by_row(wanda_scores(weight, norms), parse_pattern(pattern))
    monkeypatch.setattr(selection, "CHUNK_SCORES", 64 * 5)
    assert torch.equal(wanda_mask(weight, norms, parse_pattern(pattern)), expected)


@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from([(1, 2), (2, 4), (4, 8), (3, 5)]), st.integers(0, 99))
def test_n_of_m_keeps_exactly_n_of_every_m(rows, groups, keep_of, seed):
    pattern = NofM(*keep_of)
    scores = torch.randint(0, 3, (rows, groups * pattern.of), generator=torch.Generator().manual_seed(seed)).double()
    kept = ~smallest_of_groups(scores, pattern)
    assert (kept.reshape(rows, groups, pattern.of).sum(2) == pattern.keep).all()
    dropped_most = scores.masked_fill(kept, -1).reshape(-1, pattern.of).max(1).values
    kept_least = scores.masked_fill(~kept, 9).reshape(-1, pattern.of).min(1).values
    assert (dropped_most <= kept_least).all()


def test_comparison_groups():
    scores = torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]])
    assert mask_by_row(scores, Unstructured(0.5)).tolist() == [[False, False, True, True]] * 2
    assert mask_by_matrix(scores, Unstructured(0.5)).tolist() == [[False] * 4, [True] * 4]
    assert mask_by_row(scores, Unstructured(0.3)).sum().item() == 6


@pytest.mark.parametrize(
    ("text", "pattern", "spelling"),
    [
        ("0.5", Unstructured(0.5), "0.5"),
        (".50", Unstructured(0.5), "0.5"),
        ("2:4", NofM(2, 4), "2of4"),
        ("2of4", NofM(2, 4), "2of4"),
    ],
)
def test_patterns_are_read_and_spelled(text, pattern, spelling):
    assert parse_pattern(text) == pattern
    assert spell_pattern(text) == spelling
    assert parse_pattern(spelling) == pattern


@pytest.mark.parametrize("text", ["0", "1", "1.5", "-0.5", "nan", "4:2", "0:4", "4:4", "half", "2:", ":4", ""])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(ValueError, match="0.5|N:M"):
        parse_pattern(text)


def test_groups_that_do_not_divide_the_inputs_are_refused():
    with pytest.raises(ValueError, match="6 inputs do not divide into groups of 4"):
        smallest_of_groups(torch.ones(2, 6), NofM(2, 4))
