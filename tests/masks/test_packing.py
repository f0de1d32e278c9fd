"""Packing: every shape comes back, in the documented bit order, with zeros as padding."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from workflow_scripts.masks.overlap import common_ones
from workflow_scripts.masks.packing import bytes_per_row, count_ones, pack, padding_is_zero, unpack

matrices = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))


@given(matrices)
def test_every_matrix_comes_back(mask: np.ndarray) -> None:
    packed = pack(mask)
    assert packed.dtype == np.uint8
    assert packed.shape == (mask.shape[0], bytes_per_row(mask.shape[1]))
    restored = unpack(packed, mask.shape[1])
    assert restored.dtype == np.bool_
    assert np.array_equal(restored, mask)


def test_bits_are_little_endian_and_rows_padded() -> None:
    mask = np.zeros((2, 9), dtype=bool)
    mask[0, 0] = mask[0, 3] = mask[1, 8] = True
    assert pack(mask).tolist() == [[0b1001, 0], [0, 1]]


@pytest.mark.parametrize(("in_features", "expected"), [(1, 1), (7, 1), (8, 1), (9, 2), (4096, 512)])
def test_bytes_per_row(in_features: int, expected: int) -> None:
    assert bytes_per_row(in_features) == expected


@given(matrices)
def test_transposed_and_strided_matrices_pack_like_their_copies(mask: np.ndarray) -> None:
    assert pack(mask.T).flags.c_contiguous
    assert np.array_equal(pack(mask.T), pack(mask.T.copy()))
    assert np.array_equal(pack(mask[::-1, ::2]), pack(mask[::-1, ::2].copy()))


@given(matrices)
def test_ones_are_counted(mask: np.ndarray) -> None:
    assert count_ones(pack(mask)) == mask.sum()
    assert count_ones(pack(mask)[:, ::2]) == sum(int(byte).bit_count() for byte in pack(mask)[:, ::2].ravel())


def test_ones_are_counted_beyond_what_a_byte_holds() -> None:
    assert count_ones(np.full(1003, 255, dtype=np.uint8)) == 8024


@given(arrays(np.bool_, st.tuples(st.integers(1, 5), st.integers(1, 400))))
def test_common_ones_are_counted_for_all_pairs(masks: np.ndarray) -> None:
    expected = np.array([[int((a & b).sum()) for b in masks] for a in masks])
    np.fill_diagonal(expected, 0)
    common = common_ones(list(np.packbits(masks, axis=1)))
    assert common.dtype == np.int64
    assert np.array_equal(common, expected)


def test_common_ones_are_counted_beyond_what_two_bytes_hold_and_at_odd_addresses() -> None:
    ones = np.full(2 * 10_001 + 1, 255, dtype=np.uint8)
    assert common_ones([ones[1:10_002], ones[:10_001], ones[10_002:]])[0].tolist() == [0, 80_008, 80_008]


@given(matrices, st.data())
def test_a_one_in_the_padding_is_seen(mask: np.ndarray, data: st.DataObject) -> None:
    width = mask.shape[1]
    packed = pack(mask)
    assert padding_is_zero(packed, width)
    if width % 8:
        row = data.draw(st.integers(0, mask.shape[0] - 1))
        packed[row, -1] |= 1 << data.draw(st.integers(width % 8, 7))
        assert not padding_is_zero(packed, width)
