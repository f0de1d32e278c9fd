"""Boolean matrices as bits: little-endian within a byte, each matrix row padded with zeros to a whole byte."""

import numpy as np

BIT_ORDER = "little"


def bytes_per_row(in_features: int) -> int:
    """Bytes that hold one packed row of `in_features` bits."""
    return (in_features + 7) // 8


def pack(mask: np.ndarray) -> np.ndarray:
    """Pack a boolean matrix.

    Args:
        mask: bool [out_features, in_features].

    Returns:
        uint8 [out_features, ceil(in_features / 8)], contiguous; bit `j % 8` of byte `j // 8` is column j.
    """
    # Packing along the last axis of a transposed matrix would keep its column order in memory.
    return np.ascontiguousarray(np.packbits(mask, axis=1, bitorder=BIT_ORDER))


def unpack(packed: np.ndarray, in_features: int) -> np.ndarray:
    """The boolean matrix [out_features, in_features] of which `packed`, uint8, is the packed form."""
    return np.unpackbits(packed, axis=1, count=in_features, bitorder=BIT_ORDER).view(np.bool_)


def count_ones(packed: np.ndarray) -> int:
    """Number of ones in a uint8 array."""
    flat = np.ascontiguousarray(packed).reshape(-1)
    # Words of eight bytes are counted four times as fast as bytes.
    words = flat.size // 8 * 8
    ones = np.bitwise_count(flat[:words].view(np.uint64)).sum(dtype=np.int64)
    return int(ones + np.bitwise_count(flat[words:]).sum(dtype=np.int64))


def padding_is_zero(packed: np.ndarray, in_features: int) -> bool:
    """Whether the bits after column `in_features` of each row are zero, as `pack` leaves them."""
    used = in_features % 8
    return used == 0 or not (packed[:, -1] >> used).any()
